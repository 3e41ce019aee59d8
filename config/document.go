package config

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/cardea-proxy/cardea/policy"
	"gopkg.in/yaml.v3"
)

// A syntaxError is a document that is not what its name says.
type syntaxError struct {
	line int
	text string // never a value of the document
}

func (e *syntaxError) Error() string { return e.text }

// parseDocument reads text by the extension of name: .json, .toml, anything
// else is YAML. An empty document is nil.
func parseDocument(name string, text []byte) (*yaml.Node, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		return parseJSON(text)
	case ".toml":
		return parseTOML(text)
	}
	return parseYAML(text)
}

// parseYAML reads the one document of text.
func parseYAML(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, yamlError(text, err)
	}
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, &syntaxError{line: second.Line, text: "second document, want one document"}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(text, err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	return doc.Content[0], nil
}

func yamlError(text []byte, err error) error {
	line, problem := policy.SyntaxError(text, err)
	return &syntaxError{line: line, text: "not YAML: " + problem}
}

// lineAt returns the 1-based line of offset in text.
func lineAt(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n"))
}

// scalar makes a leaf. Its column is unknown.
func scalar(tag, value string, line int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value, Line: line, Style: yaml.DoubleQuotedStyle}
}
