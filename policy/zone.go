package policy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"
)

// zones remembers time zones by name: reading one takes files, and the clock is
// read in its zone on every evaluation. There are a few hundred names.
var zones sync.Map

// loadZone returns a time zone of the IANA database.
func loadZone(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	if !isZoneName(name) {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, zone)
	return zone, nil
}

// isZoneName refuses what is no name of a place: the zone of this host, which
// another host does not share, and files that lie beside the zones.
func isZoneName(name string) bool {
	switch name {
	case "", "Local", "localtime", "posixrules", "Factory":
		return false
	}
	return len(name) <= 64 && !strings.HasPrefix(name, "right/") && !strings.HasPrefix(name, "posix/")
}

const wantZone = "the name of a time zone, such as Europe/Berlin or UTC"

// zone reads the name of a time zone. It returns "" after a report.
func (p *parser) zone(path string, n *yaml.Node) string {
	if !isString(n) {
		p.want(path, n, wantZone)
		return ""
	}
	if _, err := loadZone(n.Value); err == nil {
		return n.Value
	}
	problem := fmt.Sprintf("unknown time zone %q", n.Value)
	if near := nearZone(n.Value); near != "" {
		problem += fmt.Sprintf(" (did you mean %q?)", near)
	}
	p.report(path, n, problem, wantZone)
	return ""
}

// nearZone returns the zone that a name was most likely meant to be: the same
// in another case, with spaces for underscores, or without its continent; ""
// where there is none.
func nearZone(name string) string {
	if len(name) > 64 {
		return ""
	}
	name = strings.ReplaceAll(strings.TrimSpace(name), " ", "_")
	spellings := []string{titleZone(name), strings.ToUpper(name)}
	for _, continent := range []string{"Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic"} {
		spellings = append(spellings, continent+"/"+titleZone(name))
	}
	i := slices.IndexFunc(spellings, func(s string) bool {
		_, err := loadZone(s)
		return err == nil
	})
	if i < 0 {
		return ""
	}
	return spellings[i]
}

// titleZone begins every word with a capital.
func titleZone(name string) string {
	begins := true
	return strings.Map(func(r rune) rune {
		out := unicode.ToLower(r)
		if begins {
			out = unicode.ToUpper(r)
		}
		begins = !unicode.IsLetter(r)
		return out
	}, name)
}
