package layout

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"docuvault/deploy/aws/groups"
	"docuvault/functions"
	"docuvault/shared/host"
)

// templates are the deployments on AWS: a function each, or in groups.
var templates = []string{"template.yaml", groupedFile}

const groupedFile = "template.grouped.yaml"

// TestGrouped holds template.grouped.yaml and the groups' mains equal to what
// template.yaml and package groups say:
//
//	go test ./test/layout -run TestGrouped -update
func TestGrouped(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{groupedFile: groupedTemplate(t)}
	for _, group := range groups.All {
		files["deploy/aws/groups/"+group.Name+"/main.go"] = groupMain(t, group)
	}
	for _, path := range glob(t, "deploy/aws/groups/*/main.go") {
		if files[path] == nil {
			t.Errorf("%s is of no group", path)
		}
	}
	for path, want := range files {
		if *update {
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, path), want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what template.yaml and package groups say (%v); first difference: %s\nwrite it anew: make generate", path, err, firstDifference(string(want), string(got)))
		}
	}
}

// TestGroups wants each group to have members, and names only of functions that
// exist; and the keys that sign in nobody's hands but of the three functions that
// use them, which are a group by themselves.
func TestGroups(t *testing.T) {
	t.Parallel()
	members := map[string][]string{}
	for _, fn := range functions.All {
		if group, ok := groups.Of(fn); ok {
			members[group.Name] = append(members[group.Name], fn.Name)
		}
	}
	for _, group := range groups.All {
		if len(members[group.Name]) == 0 || group.Concurrency < 1 {
			t.Errorf("group %s has the members %v and the concurrency %d", group.Name, members[group.Name], group.Concurrency)
		}
		for _, name := range group.Functions {
			if !slices.Contains(members[group.Name], name) {
				t.Errorf("group %s names %s, which is not in it", group.Name, name)
			}
		}
	}
	for name := range groups.Alone {
		if !slices.ContainsFunc(functions.All, func(fn host.Function) bool { return fn.Name == name }) {
			t.Errorf("%s, which is said to be alone, does not exist", name)
		}
	}
	_, one := deployed(t)
	_, byName := deployedAs(t, groupedFile)
	for name, resource := range byName {
		variables := mapping(resource, "Properties", "Environment", "Variables")
		signs := variables["JWT_SIGNING_KEYS_SECRET_ARN"] != nil || variables["SESSION_KEYS_SECRET_ARN"] != nil
		if alone := slices.Equal(members[name], []string{"auth-login", "auth-refresh", "auth-register"}); signs != alone {
			t.Errorf("%s, with the members %v, reads the keys that sign: %t", name, members[name], signs)
		}
		if members[name] == nil {
			members[name] = []string{name}
		}
		has, want := rights(resource), map[string]bool{}
		for _, member := range members[name] {
			maps.Copy(want, rights(one[member]))
		}
		if !maps.Equal(has, want) {
			t.Errorf("%s has the rights, variables and routes\n%v\nits members have\n%v", name, slices.Sorted(maps.Keys(has)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// rights are what a function may do with what, one by one, the variables that it
// is told, and its triggers.
func rights(resource map[string]any) map[string]bool {
	all := map[string]bool{}
	for name, value := range mapping(resource, "Properties", "Environment", "Variables") {
		all[fmt.Sprint(name, "=", value)] = true
	}
	for _, event := range mapping(resource, "Properties", "Events") {
		properties := mapping(event, "Properties")
		all[strings.Join([]string{text(event, "Type"), text(properties, "Method"), text(properties, "Path"), text(properties, "Queue"), text(properties, "Schedule")}, " ")] = true
	}
	policies, _ := dig(resource, "Properties", "Policies").([]any)
	for _, policy := range policies {
		statements, _ := dig(policy, "Statement").([]any)
		for _, statement := range statements {
			actions, _ := dig(statement, "Action").([]any)
			on, _ := dig(statement, "Resource").([]any)
			for _, action := range actions {
				for _, what := range on {
					all[fmt.Sprint(text(statement, "Effect"), " ", action, " ", what)] = true
				}
			}
		}
		if statements == nil {
			all[fmt.Sprint(policy)] = true
		}
	}
	return all
}

// groupMain is the program of a group.
func groupMain(t *testing.T, group groups.Group) []byte {
	t.Helper()
	var imports, names []string
	for _, fn := range functions.All {
		if of, ok := groups.Of(fn); ok && of.Name == group.Name {
			name := strings.ReplaceAll(fn.Name, "-", "")
			imports = append(imports, name+` "docuvault/`+folder(fn)+`"`)
			names = append(names, name+".Function")
		}
	}
	source, err := format.Source(fmt.Appendf(nil, `// Code generated from package groups by test/layout. DO NOT EDIT.

// Command %s is a group of functions as one program, for AWS Lambda.
package main

import (
	%s
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		%s,
	)
}
`, group.Name, strings.Join(imports, "\n"), strings.Join(names, ",\n")))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// groupedTemplate makes template.grouped.yaml of template.yaml: a group stands
// where its first member stood, with what its members have.
func groupedTemplate(t *testing.T) []byte {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, "template.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	top := document.Content[0]
	top.HeadComment, top.Content[0].HeadComment = "", ""
	document.HeadComment = `# Code generated from template.yaml and deploy/aws/groups by test/layout. DO NOT EDIT.
#
# The vault on AWS with functions in groups, for a database of few connections:
# docs/aws.md says when.`
	resources := child(top, "Resources")
	byName := map[string]host.Function{}
	for _, fn := range functions.All {
		byName[fn.Name] = fn
	}
	groupNodes := map[string]*yaml.Node{}
	var kept []*yaml.Node
	connections := 0
	for i := 0; i < len(resources.Content); i += 2 {
		key, resource := resources.Content[i], resources.Content[i+1]
		if child(resource, "Type").Value != "AWS::Serverless::Function" {
			kept = append(kept, key, resource)
			continue
		}
		properties := child(resource, "Properties")
		fn, ours := byName[strings.TrimPrefix(child(properties, "FunctionName").Value, "${AWS::StackName}-")]
		group, shared := groups.Group{}, false
		if ours {
			group, shared = groups.Of(fn)
		}
		switch {
		case !shared:
			reserve(t, properties, groups.Alone[fn.Name])
		case groupNodes[group.Name] == nil:
			rename(fn, properties)
			groupNodes[group.Name] = properties
			key.Value = strings.ToUpper(group.Name[:1]) + group.Name[1:] + "Functions"
			child(properties, "FunctionName").Value = "${AWS::StackName}-" + group.Name
			child(properties, "CodeUri").Value = "deploy/aws/groups/" + group.Name
			reserve(t, properties, group.Concurrency)
		default:
			rename(fn, properties)
			join(t, group.Name, groupNodes[group.Name], properties)
			continue
		}
		if variables := child(child(properties, "Environment"), "Variables"); child(variables, "DATABASE_URL_SECRET_ARN") != nil || child(variables, "DATABASE_MIGRATE_URL_SECRET_ARN") != nil {
			n, err := strconv.Atoi(child(properties, "ReservedConcurrentExecutions").Value)
			if err != nil {
				t.Fatal(err)
			}
			connections += n
		}
		kept = append(kept, key, resource)
	}
	resources.Content = kept
	limit := child(child(top, "Parameters"), "DatabaseMaxConnections")
	for _, key := range []string{"Default", "MinValue"} {
		child(limit, key).Value = strconv.Itoa(connections + spare)
	}
	child(limit, "Description").Value = fmt.Sprintf("max_connections of the PostgreSQL server, at least what all functions reserve and %d", spare)
	child(child(child(resources, "Api"), "Properties"), "Description").Value = "Each route leads to the function of its group"

	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		t.Fatal(err)
	}
	// Apart, as in the original.
	return regexp.MustCompile(`(?m)((?:^  #.*\n)*^  [A-Z]\w+:\n    Type: AWS::|(?:^  #.*\n)*^  [A-Z]\w+:\n    Type: Custom::|^[A-Z]\w+:$)`).ReplaceAll(out.Bytes(), []byte("\n$1"))
}

// child is the value of a key of a mapping; nil where there is none.
func child(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// set puts a value under a key of a mapping, at its end if it is new.
func set(node *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content[i+1] = value
			return
		}
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
}

// reserve gives a function its concurrency, and its queue no more messages at
// once; 0 leaves them.
func reserve(t *testing.T, properties *yaml.Node, n int) {
	t.Helper()
	if n == 0 {
		return
	}
	set(properties, "ReservedConcurrentExecutions", &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.Itoa(n)})
	if scaling := child(child(child(child(properties, "Events"), "Messages"), "Properties"), "ScalingConfig"); scaling != nil {
		if n < 2 {
			t.Fatalf("SQS gives a function at least 2 messages at once, and %d was asked for", n)
		}
		child(scaling, "MaximumConcurrency").Value = strconv.Itoa(n)
	}
}

// rename gives a function's one event, its route, the function's own name: events
// of a group stand side by side.
func rename(fn host.Function, properties *yaml.Node) {
	child(properties, "Events").Content[0].Value = strings.TrimSuffix(logicalName(fn.Name), "Function")
}

// join gives a group what a member has.
func join(t *testing.T, name string, group, member *yaml.Node) {
	t.Helper()
	for _, key := range []string{"Timeout", "MemorySize"} {
		if more := child(member, key); more != nil {
			if has := child(group, key); has == nil || len(has.Value) < len(more.Value) || len(has.Value) == len(more.Value) && has.Value < more.Value {
				set(group, key, more)
			}
		}
	}
	variables := child(child(group, "Environment"), "Variables")
	more := child(child(member, "Environment"), "Variables")
	for i := 0; i < len(more.Content); i += 2 {
		key, value := more.Content[i].Value, more.Content[i+1]
		if has := child(variables, key); has != nil && written(t, has) != written(t, value) {
			t.Fatalf("%s: two members have another %s", name, key)
		}
		set(variables, key, value)
	}
	policies := child(group, "Policies")
	for _, policy := range child(member, "Policies").Content {
		statements := child(policy, "Statement")
		if statements == nil { // a secret
			if !slices.ContainsFunc(policies.Content, func(has *yaml.Node) bool { return written(t, has) == written(t, policy) }) {
				policies.Content = append(policies.Content, policy)
			}
			continue
		}
		own := slices.IndexFunc(policies.Content, func(has *yaml.Node) bool { return child(has, "Statement") != nil })
		if own < 0 {
			policies.Content = append(policies.Content, policy)
			continue
		}
		for _, statement := range statements.Content {
			permit(t, child(policies.Content[own], "Statement"), statement)
		}
	}
	events := child(group, "Events")
	events.Content = append(events.Content, child(member, "Events").Content...)
}

// permit adds a statement to others. One with the same actions gets its resources
// too, one with the same resources its actions: neither allows more than both did.
func permit(t *testing.T, statements, statement *yaml.Node) {
	t.Helper()
	for _, keys := range [][2]string{{"Action", "Resource"}, {"Resource", "Action"}} {
		same, other := keys[0], keys[1]
		for _, has := range statements.Content {
			if written(t, child(has, same)) != written(t, child(statement, same)) {
				continue
			}
			list := child(has, other)
			for _, item := range child(statement, other).Content {
				if !slices.ContainsFunc(list.Content, func(known *yaml.Node) bool { return written(t, known) == written(t, item) }) {
					list.Content = append(list.Content, item)
				}
			}
			return
		}
	}
	statements.Content = append(statements.Content, statement)
}

// written is a node as text, for comparison.
func written(t *testing.T, node *yaml.Node) string {
	t.Helper()
	value, err := plain(node)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(value)
}
