package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy/fixture"
)

var update = flag.Bool("update", false, "write into docs/policy.md what its commands say")

// A fence is one block of code in a document: from the line of its opening to
// the line of its end, with what stands behind the backquotes.
type fence struct {
	info, body string
	line       int // of the opening, 1-based
}

var fenced = regexp.MustCompile("(?ms)^```([^\n`]*)\n(.*?)^```$")

func fences(text string) []fence {
	var out []fence
	for _, at := range fenced.FindAllStringSubmatchIndex(text, -1) {
		out = append(out, fence{text[at[2]:at[3]], text[at[4]:at[5]], 1 + strings.Count(text[:at[0]], "\n")})
	}
	return out
}

// TestPolicyDocument does what docs/policy.md says, from its top to its end (and
// with -update writes the answers into it): a block with the name of a file is written to that file, and a block "console"
// is typed, and has to be answered as it says. Of a block "console running",
// which takes an instance, only the commands are looked at.
func TestPolicyDocument(t *testing.T) {
	document, err := filepath.Abs(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(read)
	t.Chdir(t.TempDir())
	var files []string
	commands := 0
	for _, f := range fences(text) {
		kind, name, _ := strings.Cut(f.info, " ")
		switch {
		case kind == "console" && name == "running":
			checkCommands(t, "docs/policy.md", f)
		case kind == "console":
			commands++
			if said, ok := typed(t, f); !ok && *update {
				text = strings.Replace(text, f.body, said, 1)
			} else if !ok {
				t.Errorf("docs/policy.md:%d: the document says\n%s\nand the program\n%s", f.line, f.body, said)
			}
		case name != "":
			files = append(files, name)
			writeExample(t, name, f.body)
		case kind != "text":
			t.Errorf("docs/policy.md:%d: a block %q without the name of a file is tried by nobody", f.line, f.info)
		}
	}
	if len(files) < 10 || commands < 10 {
		t.Errorf("found %d files and %d commands: this test has lost sight of them", len(files), commands)
	}
	loadExamples(t, files)
	if *update {
		if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDevicesDocument looks at the commands of docs/devices.md, which take an
// instance, and at its pictures.
func TestDevicesDocument(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	text, err := os.ReadFile(filepath.Join(docs, "devices.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, f := range fences(string(text)) {
		if f.info == "console running" {
			commands += len(commandsOf(f.body))
			checkCommands(t, "docs/devices.md", f)
		}
	}
	pictures := regexp.MustCompile(`images/[a-z0-9-]+\.png`).FindAllString(string(text), -1)
	for _, picture := range pictures {
		if info, err := os.Stat(filepath.Join(docs, picture)); err != nil || info.Size() > 200<<10 {
			t.Errorf("%s: %v, or too large", picture, err)
		}
	}
	if commands < 5 || len(pictures) < 5 {
		t.Errorf("found %d commands and %d pictures: this test has lost sight of them", commands, len(pictures))
	}
}

func writeExample(t *testing.T, name, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// loadExamples holds every example to what it is. Those under wrong/ are there
// to be refused.
func loadExamples(t *testing.T, files []string) {
	t.Helper()
	for _, name := range files {
		ending := filepath.Ext(name)
		switch {
		case strings.HasPrefix(name, "wrong/"), ending == ".jsonl":
		case strings.HasPrefix(filepath.Base(name), "config"):
			if said, code := answer(t, []string{"validate", "--config", name}); code != 0 {
				t.Errorf("%s: %s", name, said)
			}
		case fixture.IsFixture(name):
			args := []string{"policy", "test", name}
			said, code := answer(t, args)
			if code != 0 && strings.Contains(said, errNoConfig.Error()) {
				said, code = answer(t, append(args, "--config", "config.yaml"))
			}
			if code != 0 {
				t.Errorf("%s: %s", name, said)
			}
		default:
			if _, err := config.ReadPolicy(t.Context(), name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// typed types the commands of a block and returns the block as it should be,
// and whether it is so. A line "..." stands for any lines.
func typed(t *testing.T, f fence) (string, bool) {
	t.Helper()
	var said strings.Builder
	wanted := regexp.QuoteMeta(f.body)
	wanted = strings.ReplaceAll(wanted, "\n"+regexp.QuoteMeta("...")+"\n", "\n(?s:.*)\n")
	for _, command := range commandsOf(f.body) {
		said.WriteString("$ " + command + "\n")
		line := strings.ReplaceAll(command, "\\\n", " ")
		out, code := answer(t, words(t, line)[1:])
		said.WriteString(out)
		if code != 0 {
			fmt.Fprintf(&said, "exit status %d\n", code)
		}
	}
	return said.String(), regexp.MustCompile("^" + wanted + "$").MatchString(said.String())
}

// commandsOf are the lines that begin with a dollar, with those that go on.
func commandsOf(body string) []string {
	var out []string
	goesOn := false
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		command, begins := strings.CutPrefix(line, "$ ")
		switch {
		case begins:
			out = append(out, command)
		case goesOn:
			out[len(out)-1] += "\n" + line
		}
		goesOn = (begins || goesOn) && strings.HasSuffix(line, "\\")
	}
	return out
}

// words splits a command as a shell does: at spaces, outside of quotes.
func words(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	if len(out) == 0 || out[0] != "cardea" {
		t.Fatalf("%q is no command of cardea", line)
	}
	return out
}

var spacesAtEnd = regexp.MustCompile(`(?m) +$`)

// answer is what the program writes, and its exit code.
func answer(t *testing.T, args []string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), args, &out, &out)
	// Editors take spaces at the ends of lines out of documents.
	return spacesAtEnd.ReplaceAllString(out.String(), ""), code
}

// checkCommands sees to it that the commands of a block exist, with their flags.
func checkCommands(t *testing.T, document string, f fence) {
	t.Helper()
	for _, line := range commandsOf(f.body) {
		args := words(t, strings.ReplaceAll(line, "\\\n", " "))[1:]
		if at := slices.Index(args, ">"); at >= 0 {
			args = args[:at]
		}
		cmd, rest, err := newCommand(&bytes.Buffer{}, &bytes.Buffer{}).Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil || !cmd.Runnable() {
			t.Errorf("%s:%d: %s: %v", document, f.line, line, err)
		}
	}
}
