package pages

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

func dirFS(t *testing.T) fs.FS {
	t.Helper()
	return os.DirFS(".")
}

var property = regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]{6})`)

// schemes reads both palettes from the stylesheet itself.
func schemes(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	before, after, ok := strings.Cut(own("base.css"), "@media(prefers-color-scheme:dark)")
	if !ok {
		t.Fatal("no dark scheme")
	}
	light, dark = map[string]string{}, map[string]string{}
	for _, m := range property.FindAllStringSubmatch(before, -1) {
		light[m[1]], dark[m[1]] = m[2], m[2]
	}
	for _, m := range property.FindAllStringSubmatch(after, -1) {
		dark[m[1]] = m[2]
	}
	return light, dark
}

// Text needs 4.5 to 1, what only has to be seen 3 to 1 (WCAG 2.2, 1.4.3 and
// 1.4.11).
func TestThePaletteCanBeRead(t *testing.T) {
	t.Parallel()
	light, dark := schemes(t)
	for scheme, c := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range [][2]string{
			{"ink", "paper"}, {"ink", "sheet"}, {"ink", "float"}, {"muted", "paper"}, {"muted", "sheet"}, {"muted", "float"},
			{"accent", "paper"}, {"accent", "sheet"}, {"accent", "float"}, {"on-accent", "accent"},
			{"allow", "paper"}, {"deny", "paper"}, {"wait", "paper"}, {"deny", "sheet"}, {"wait", "sheet"},
		} {
			a, b := c[pair[0]], c[pair[1]]
			if a == "" || b == "" {
				t.Fatalf("%s: %v is not in the stylesheet", scheme, pair)
			}
			if r := contrast(a, b); r < 4.5 {
				t.Errorf("%s: %s on %s is %.2f to 1, want 4.5", scheme, pair[0], pair[1], r)
			}
		}
	}
	if light["paper"] != paperLight || dark["paper"] != paperDark {
		t.Errorf("papers are %s and %s in the stylesheet", light["paper"], dark["paper"])
	}
	if !strings.Contains(Branding{AccentLight: "#123456"}.properties(), dark["accent"]) {
		t.Error("branding one scheme loses the accent of the other")
	}
}

func TestContrast(t *testing.T) {
	t.Parallel()
	if got := contrast("#000000", "#ffffff"); got < 20.99 || got > 21.01 {
		t.Errorf("black on white is %.3f, want 21", got)
	}
	if got := contrast("#777777", "#ffffff"); got < 4.47 || got > 4.49 {
		t.Errorf("#777777 on white is %.3f, want 4.48", got)
	}
}

func TestBranding(t *testing.T) {
	t.Parallel()
	good := Branding{Name: "Analytical", AccentLight: "#7a1f5c", AccentDark: "#f0a8d6", LogoURL: "data:image/png;base64,AAAA", ErrorText: "Ask Bob."}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	p := New(Options{Branding: good})
	a := p.Error(Request{}, Problem{Kind: Denied})
	checkPage(t, a)
	for _, want := range []string{"--accent:#7a1f5c;--on-accent:#ffffff", "--accent:#f0a8d6;--on-accent:#000000", "Analytical</span>", "data:image/png;base64,AAAA", "Ask Bob."} {
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for name, bad := range map[string]Branding{
		"a colour nobody can read":       {AccentLight: "#eeeeee"},
		"a dark one nobody can read":     {AccentDark: "#222222"},
		"no colour":                      {AccentLight: "red;} body{display:none"},
		"a logo from elsewhere":          {LogoURL: "https://elsewhere.example/logo.png"},
		"a logo that is a page":          {LogoURL: "data:text/html,<script>"},
		"a logo without end":             {LogoURL: "data:image/png;base64," + strings.Repeat("A", maxImage)},
		"a logo with a host in disguise": {LogoURL: "/\\elsewhere.example/logo.png"},
	} {
		if bad.Check() == nil {
			t.Errorf("%s passes", name)
		}
		b := string(New(Options{Branding: bad}).Error(Request{}, Problem{}).Body)
		if strings.Contains(b, "elsewhere") || strings.Contains(b, "#eeeeee") || strings.Contains(b, "#222222") || strings.Contains(b, "display:none}b") {
			t.Errorf("%s reaches the page", name)
		}
	}
	same := New(Options{Branding: Branding{LogoURL: "/logo.svg"}}).SignedOut(SignedOut{})
	if !strings.Contains(same.Header.Get("Content-Security-Policy"), "img-src data: 'self'") {
		t.Error("a logo of the same origin is not allowed by the policy")
	}
}
