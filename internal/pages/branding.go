package pages

import (
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Branding makes the pages look like an organisation's own. It changes custom
// properties of the stylesheet, the logo and three texts, nothing else. The zero
// value is Cardea's look.
type Branding struct {
	Name        string // beside the mark; "" is Cardea
	LogoURL     string // a data: image or a path of the host; "" is the hinge mark
	AccentLight string // "#rrggbb", used on light paper; "" is ours
	AccentDark  string // "#rrggbb", used on dark paper; "" is ours
	// ErrorText replaces the advice on the page of an ordinary denial, such as
	// whom to ask; "" is ours.
	ErrorText string
}

var colour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// Check says what New would leave out: a colour that is none or that nobody
// could read, a logo that the policy of the pages would not load.
func (b Branding) Check() error {
	for _, c := range []struct{ name, value, paper string }{
		{"light", b.AccentLight, paperLight}, {"dark", b.AccentDark, paperDark},
	} {
		if c.value == "" {
			continue
		}
		if !colour.MatchString(c.value) {
			return fmt.Errorf("branding: %s accent %q: want #rrggbb", c.name, c.value)
		}
		if r := contrast(c.value, c.paper); r < 4.5 {
			return fmt.Errorf("branding: %s accent %s: contrast %.1f with the paper, want 4.5", c.name, c.value, r)
		}
	}
	if b.LogoURL != "" && image(b.LogoURL) == "" {
		return fmt.Errorf("branding: logo: want a data: image under %d KiB or a path of the host", maxImage>>10)
	}
	return nil
}

// The papers of both schemes, as in the stylesheet; a test holds them equal.
const (
	paperLight = "#faf9f6"
	paperDark  = "#151613"
)

// brand is Branding ready for the templates.
type brand struct {
	Name      string
	Logo      template.URL
	ErrorText string
}

func newBrand(b Branding) brand {
	name := line(b.Name)
	if name == "" {
		name = "Cardea"
	}
	return brand{Name: name, Logo: image(b.LogoURL), ErrorText: b.ErrorText}
}

func brandWords(own, ours string) string {
	if own == "" {
		return ours
	}
	return clean(own, maxValue)
}

// properties returns the rules that b adds to the stylesheet. A colour that
// Check refuses is left out, so that no page becomes unreadable.
func (b Branding) properties() string {
	var css strings.Builder
	if usable(b.AccentLight, paperLight) {
		fmt.Fprintf(&css, ":root{--accent:%s;--on-accent:%s}", b.AccentLight, pair(b.AccentLight))
	}
	if usable(b.AccentDark, paperDark) {
		fmt.Fprintf(&css, "@media(prefers-color-scheme:dark){:root{--accent:%s;--on-accent:%s}}", b.AccentDark, pair(b.AccentDark))
	} else if css.Len() > 0 {
		css.WriteString("@media(prefers-color-scheme:dark){:root{--accent:#7fc9cc;--on-accent:#07292b}}")
	}
	return css.String()
}

func usable(c, paper string) bool { return colour.MatchString(c) && contrast(c, paper) >= 4.5 }

// pair is the colour of text on c: black or white, whichever reads better.
func pair(c string) string {
	if contrast(c, "#ffffff") >= contrast(c, "#000000") {
		return "#ffffff"
	}
	return "#000000"
}

// contrast is the ratio of two colours "#rrggbb", 1 to 21 (WCAG 2.2,
// "contrast ratio").
func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is the relative luminance of "#rrggbb" (WCAG 2.2).
func luminance(c string) float64 {
	var sum float64
	for i, weight := range [3]float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(c[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return 0
		}
		sum += weight * linear(float64(n)/255)
	}
	return sum
}

// linear undoes the gamma of sRGB.
func linear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}
