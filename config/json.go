package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// A jsonReader builds the tree of a JSON document. JSON is read as JSON and
// not as YAML, which would take comments and refuse surrogate pairs.
type jsonReader struct {
	text   []byte
	tokens *json.Decoder
	offset int // what has been counted into line
	line   int
}

func parseJSON(text []byte) (*yaml.Node, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	// Checked as a whole first: only so are offsets those of the document.
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		e := &syntaxError{text: "not JSON: " + err.Error()}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			e.line = lineAt(text, int(syntax.Offset)-1)
		}
		return nil, e
	}
	r := &jsonReader{text: text, tokens: json.NewDecoder(bytes.NewReader(text)), line: 1}
	r.tokens.UseNumber()
	return r.value(0)
}

// here returns the line of the last token; every byte is counted once.
func (r *jsonReader) here() int {
	if at := min(int(r.tokens.InputOffset()), len(r.text)); at > r.offset {
		r.line += bytes.Count(r.text[r.offset:at], []byte("\n"))
		r.offset = at
	}
	return r.line
}

// value reads the next value with all that is in it.
func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	t, err := r.tokens.Token()
	if err != nil {
		return nil, err
	}
	line := r.here()
	if depth > maxDepth {
		return nil, &syntaxError{line: line, text: fmt.Sprintf("want at most %d levels", maxDepth)}
	}
	switch t := t.(type) {
	case json.Delim:
		return r.collection(t, line, depth)
	case string:
		return scalar("!!str", t, line), nil
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") {
			return scalar("!!float", t.String(), line), nil
		}
		return scalar("!!int", t.String(), line), nil
	case bool:
		return scalar("!!bool", fmt.Sprint(t), line), nil
	}
	return scalar("!!null", "null", line), nil
}

// collection reads on after an opening brace or bracket.
func (r *jsonReader) collection(open json.Delim, line, depth int) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: line}
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for r.tokens.More() {
		if open == '{' {
			key, err := r.tokens.Token()
			if err != nil {
				return nil, err
			}
			text, _ := key.(string) // the decoder takes nothing else as a key
			n.Content = append(n.Content, scalar("!!str", text, r.here()))
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, v)
	}
	_, err := r.tokens.Token()
	return n, err
}
