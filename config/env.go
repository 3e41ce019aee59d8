package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"
)

// Environment returns a viper in which every key is bound to its environment
// variable: the key in upper case, levels joined by "_". Flags may be bound to
// the same keys; whatever it holds beats the document.
func Environment() *viper.Viper {
	v := viper.New()
	for _, k := range envKeys() {
		v.MustBindEnv(k.key, k.name)
	}
	return v
}

// An envKey is a key that a variable can set.
type envKey struct {
	key, name string
	index     [][]int // of the field, one entry per level; nil for keys without one
}

// envName is the variable of a key.
func envName(key string) string {
	return strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// envKeys lists all keys in the order of the settings, then those that are
// known and refused: they must not be taken in silence from here either.
func envKeys() []envKey {
	keys := structKeys(reflect.TypeFor[Settings](), "", nil)
	for _, key := range append([]string{"policy", "routes"}, append(all(laterSettings), all(removedSettings)...)...) {
		keys = append(keys, envKey{key: key, name: envName(key)})
	}
	return keys
}

// structKeys lists the keys of t; an object within is entered, a list is not.
func structKeys(t reflect.Type, parent string, above [][]int) []envKey {
	var keys []envKey
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("yaml")
		if tag == "" || tag == "-" {
			continue
		}
		k := envKey{key: join(parent, tag), index: append(append([][]int{}, above...), []int{i})}
		if k.name = f.Tag.Get("env"); k.name == "" {
			k.name = envName(k.key)
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[URL]() {
			keys = append(keys, structKeys(inner, k.key, k.index)...)
			continue
		}
		keys = append(keys, k)
	}
	return keys
}

// readEnvironment lets every variable that is set replace what the document
// says under its key. An empty variable is none.
func (l *loading) readEnvironment() {
	if l.options.Env == nil {
		return
	}
	for _, k := range envKeys() {
		given := l.options.Env.GetString(k.key)
		if given == "" {
			continue
		}
		l.forget(k.key)
		l.vars[k.key] = k.name
		switch {
		case k.key == "policy" || k.key == "routes":
			l.envRoutes(k.key, given)
		case k.index != nil:
			l.envSetting(k, given)
		default:
			l.envRefused(k, given)
		}
	}
}

// forget drops what the document said under key, its errors included: what is
// replaced cannot be wrong.
func (l *loading) forget(key string) {
	under := func(k string) bool { return below(k, key) }
	maps.DeleteFunc(l.lines, func(k string, _ int) bool { return under(k) })
	maps.DeleteFunc(l.bad, func(k string, _ bool) bool { return under(k) })
	l.errs = slices.DeleteFunc(l.errs, func(e *Error) bool { return under(e.Key) })
}

// envSetting reads one variable into its field.
func (l *loading) envSetting(k envKey, given string) {
	v := reflect.ValueOf(&l.c.Settings).Elem()
	for _, i := range k.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.FieldByIndex(i)
	}
	n, ok := l.envNode(k, v.Type(), given)
	if !ok {
		return
	}
	v.SetZero()
	l.value(n, v, k.key)
}

// envNode makes a tree of a variable: maps and lists of objects are JSON (or
// YAML), response headers may be "Name:value,Name:value" too, and everything
// else is the text itself.
func (l *loading) envNode(k envKey, t reflect.Type, given string) (*yaml.Node, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	objects := t.Kind() == reflect.Map || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[URL]()
	list := t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String
	structured := strings.HasPrefix(given, "{") || strings.HasPrefix(given, "[") || strings.Contains(given, "\n")
	switch {
	case k.name == "HEADERS" && !structured:
		return l.envHeaders(k.key, given)
	case t == reflect.TypeFor[ClaimHeaders]() && !structured:
		return scalar("!!str", given, 0), true
	case objects, list && structured:
		return l.envTree(k.key, "JSON", []byte(given))
	}
	return scalar("!!str", given, 0), true
}

// envTree reads the YAML, and so the JSON, of a variable.
func (l *loading) envTree(key, want string, given []byte) (*yaml.Node, bool) {
	n, err := parseYAML(given)
	if err != nil || n == nil {
		l.refuse(key, "", want)
		return nil, false
	}
	before := len(l.errs)
	n, _ = newResolver(func(_ int, under, found, want string) { l.refuse(join(key, under), found, want) }).resolve(n, "", 0)
	return n, len(l.errs) == before
}

func (l *loading) envHeaders(key, given string) (*yaml.Node, bool) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for pair := range strings.SplitSeq(given, ",") {
		name, value, ok := strings.Cut(pair, ":")
		if !ok {
			l.refuse(key, "", `a JSON object or "Name:value,Name:value"`)
			return nil, false
		}
		n.Content = append(n.Content, scalar("!!str", strings.TrimSpace(name), 0), scalar("!!str", strings.TrimSpace(value), 0))
	}
	return n, true
}

// envRoutes reads POLICY or ROUTES.
func (l *loading) envRoutes(key, given string) {
	const want = "base64 of a YAML list of routes"
	decoded, err := decodeBase64(given)
	if err != nil || len(decoded) > maxBytes {
		l.refuse(key, "", want)
		return
	}
	if n, ok := l.envTree(key, want, decoded); ok {
		l.routeList(n, key)
	}
}

// envRefused answers a variable whose key is not supported.
func (l *loading) envRefused(k envKey, given string) {
	later, known := laterSettings[k.key]
	switch {
	case !known:
		l.refuse(k.key, "removed from the configuration", removedSettings[k.key])
	case later.off(scalar("!!str", given, 0)):
	case strings.HasPrefix(k.key, "otel_"):
		// Platforms set these for every process they start.
		l.warn(k.key, notYet)
	default:
		l.refuse(k.key, notYet, later.instead)
	}
}
