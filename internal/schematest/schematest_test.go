package schematest

import "testing"

func TestCompileKeepsWhatTheSchemaSays(t *testing.T) {
	t.Parallel()
	s := Compile(t, map[string]any{"type": "array", "items": map[string]any{"$ref": "#/$defs/word"}, "$defs": map[string]any{"word": map[string]any{"type": "string"}}})
	if err := s.Validate([]any{"a"}); err != nil {
		t.Errorf("a list of words: %v", err)
	}
	if err := s.Validate([]any{1}); err == nil {
		t.Error("a list of numbers is taken")
	}
}
