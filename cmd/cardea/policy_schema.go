package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/docs"
	"github.com/cardea-proxy/cardea/policy/fixture"
	"github.com/spf13/cobra"
)

//go:generate go run . policy schema --write ../../docs/schema

// schemaFiles are the JSON Schemas by what they are about, with their files in
// docs/schema.
var schemaFiles = map[string]string{
	"config": "config.schema.json",
	"policy": "policy.schema.json",
	"test":   "policy-test.schema.json",
}

func schemaCommand(t terminal) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "schema [config|policy|test]",
		Short: "Print the JSON Schema of a configuration, a policy or its tests, for editors",
		Long: "Prints a JSON Schema, with which an editor completes, explains and checks YAML while\n" +
			"it is written: of the configuration, of a policy in a file of its own (the default),\n" +
			"or of a file of tests. It knows the form of things; \"cardea validate\" and\n" +
			"\"cardea policy test\" say the rest. An editor with yaml-language-server takes it from\n" +
			"the first line of a file:\n\n" +
			"  # yaml-language-server: $schema=policy.schema.json",
		Example: "  cardea policy schema > policy.schema.json\n" +
			"  cardea policy schema config > config.schema.json\n" +
			"  cardea policy schema --write schemas/",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"config", "policy", "test"},
		RunE: func(_ *cobra.Command, args []string) error {
			if dir != "" {
				return writeSchemas(dir)
			}
			text, err := schemaText(append(args, "policy")[0])
			if err != nil {
				return err
			}
			_, err = t.out.Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "write", "", "write all of them to files in this folder instead")
	return cmd
}

// schemaText is a schema as JSON, which is the same whenever it is made.
func schemaText(of string) ([]byte, error) {
	var s map[string]any
	var err error
	switch of {
	case "config":
		s, err = config.Schema(docs.Reference)
	case "policy":
		s, err = config.PolicySchema(docs.Reference)
	case "test":
		s = fixture.Schema()
	default:
		return nil, fmt.Errorf("schema: unknown %q; want config, policy or test", of)
	}
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return b.Bytes(), nil
}

func writeSchemas(dir string) error {
	for of, name := range schemaFiles {
		text, err := schemaText(of)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	return nil
}
