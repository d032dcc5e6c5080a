package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// yamlFiles are the files that other programs read; each parses, without a key
// given twice.
var yamlFiles = []string{"template.yaml", groupedFile, "deploy/aws/analyze.yaml", "deploy/aws/database.yaml", "docker-compose.yml", "openapi.yaml", ".golangci.yml", ".ko.yaml"}

func TestYAMLParses(t *testing.T) {
	t.Parallel()
	for _, file := range yamlFiles {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(read(t, file)), &node); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(node.Content) == 0 {
			t.Errorf("%s is empty", file)
			continue
		}
		if _, err := plain(node.Content[0]); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if slices.Contains(templates, file) && aliased(&node) {
			t.Errorf("%s has an alias, which CloudFormation does not read", file)
		}
	}
}

// parse returns a YAML file as maps, slices and scalars.
func parse(t *testing.T, file string) map[string]any {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, file)), &node); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	value, err := plain(node.Content[0])
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	document, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%s is no mapping", file)
	}
	return document
}

func aliased(node *yaml.Node) bool {
	return node.Kind == yaml.AliasNode || slices.ContainsFunc(node.Content, aliased)
}

// plain turns a node into maps, slices and scalars, aliases followed. CloudFormation's tags
// become text: !Ref X is "!Ref X", so that it can be compared.
func plain(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, fmt.Errorf("line %d: %q is given twice", node.Content[i].Line, key)
			}
			value, err := plain(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = value
		}
		if merged, ok := m["<<"].(map[string]any); ok {
			delete(m, "<<")
			for key, value := range merged {
				if _, own := m[key]; !own {
					m[key] = value
				}
			}
		}
		return m, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, child := range node.Content {
			value, err := plain(child)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.ScalarNode:
		if strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!") {
			return node.Tag + " " + node.Value, nil
		}
		var value any
		if err := node.Decode(&value); err != nil {
			return nil, fmt.Errorf("line %d: %w", node.Line, err)
		}
		return value, nil
	case yaml.AliasNode:
		return plain(node.Alias)
	default:
		return nil, fmt.Errorf("line %d: a node of an unknown kind", node.Line)
	}
}

// dig walks into nested mappings; nil where there is nothing.
func dig(value any, keys ...string) any {
	for _, key := range keys {
		m, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = m[key]
	}
	return value
}

func mapping(value any, keys ...string) map[string]any {
	m, _ := dig(value, keys...).(map[string]any)
	return m
}

func text(value any, keys ...string) string {
	if found := dig(value, keys...); found != nil {
		return fmt.Sprint(found)
	}
	return ""
}

func number(value any, keys ...string) int {
	n, _ := dig(value, keys...).(int)
	return n
}
