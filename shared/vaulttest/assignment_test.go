package vaulttest_test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"docuvault/functions"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp"
)

// schema is what tests read of a JSON schema in openapi.yaml.
type schema struct {
	Ref        string             `yaml:"$ref"`
	Format     string             `yaml:"format"`
	Properties map[string]*schema `yaml:"properties"`
	Items      *schema            `yaml:"items"`
	Additional any                `yaml:"additionalProperties"`
}

type request struct {
	OperationID string `yaml:"operationId"`
	Parameters  []struct {
		Name, In string
		Schema   *schema
	}
	RequestBody struct {
		Content map[string]struct{ Schema *schema }
	} `yaml:"requestBody"`
}

// requests are the operations of openapi.yaml by name, with references in their
// bodies resolved.
func requests(t *testing.T) map[string]request {
	t.Helper()
	raw, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths      map[string]map[string]request
		Components struct{ Schemas map[string]*schema }
	}
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	var resolve func(s *schema) *schema
	resolve = func(s *schema) *schema {
		if s == nil {
			return nil
		}
		if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
			s = document.Components.Schemas[name]
		}
		resolved := *s
		resolved.Properties = map[string]*schema{}
		for name, property := range s.Properties {
			resolved.Properties[name] = resolve(property)
		}
		resolved.Items = resolve(s.Items)
		return &resolved
	}
	all := map[string]request{}
	for _, methods := range document.Paths {
		for _, r := range methods {
			for kind, content := range r.RequestBody.Content {
				content.Schema = resolve(content.Schema)
				r.RequestBody.Content[kind] = content
			}
			all[r.OperationID] = r
		}
	}
	if len(all) < 40 {
		t.Fatalf("openapi.yaml has only %d operations", len(all))
	}
	return all
}

// uuids are the names of ids in the body and query of each operation.
func uuids(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, r := range requests(t) {
		for _, p := range r.Parameters {
			if p.In == "query" && p.Schema != nil && p.Schema.Format == "uuid" {
				found[name] = append(found[name], p.Name)
			}
		}
		for _, content := range r.RequestBody.Content {
			objects(content.Schema, "body", func(_ string, s *schema) {
				for field, property := range s.Properties {
					if property.Format == "uuid" || property.Items != nil && property.Items.Format == "uuid" {
						found[name] = append(found[name], field)
					}
				}
			})
		}
	}
	if !slices.Contains(found["uploads-begin"], "folder_id") || !slices.Contains(found["documents-list"], "folder_id") {
		t.Fatalf("this test does not see the ids of openapi.yaml: %v", found)
	}
	return found
}

// objects visits each object of a body, with the place that a violation names.
func objects(s *schema, at string, visit func(at string, s *schema)) {
	switch {
	case s == nil:
	case s.Items != nil:
		objects(s.Items, at+"[0]", visit)
	case len(s.Properties) > 0 || s.Additional != nil:
		visit(at, s)
		for name, property := range s.Properties {
			objects(property, at+"."+name, visit)
		}
	}
}

// Members that no client may set anywhere but where an operation names them.
var assigned = map[string]any{
	"user_id": "01a20e39-4d7c-75bd-a3f0-27980a1ebbd9", "owner": "01a20e39-4d7c-75bd-a3f0-27980a1ebbd9", "id": "01a20e39-4d7c-75bd-a3f0-27980a1ebbd9",
	"status": "ready", "size": 1, "role": "admin", "is_admin": true, "quota": map[string]any{"limit_bytes": 1 << 50}, "limit_bytes": 1 << 50,
	"used_bytes": 0, "reserved_bytes": 0, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z", "version": 1,
	"object_key": "x", "sha256": strings.Repeat("a", 64), "sniffed_type": "text/html", "topic_source": "user", "generation": 1,
	"reauth_at": "2999-01-01T00:00:00Z", "email_verified_at": "2020-01-01T00:00:00Z", "disabled_at": nil, "user": map[string]any{"role": "admin"},
	"__proto__": map[string]any{"role": "admin"}, "ROLE": "admin", "Status": "ready",
}

// place makes a body that has members at a place like "body.parts[0]".
func place(at string, members map[string]any) any {
	var body any = members
	for _, name := range slices.Backward(strings.Split(at, ".")[1:]) {
		if list, ok := strings.CutSuffix(name, "[0]"); ok {
			body = map[string]any{list: []any{body}}
		} else {
			body = map[string]any{name: body}
		}
	}
	return body
}

// Mass assignment: whatever a body has besides what its operation takes is
// refused by name, at every depth of every body, and nothing happens; where an
// operation has no body, one is as good as none; and so with the query.
func TestMassAssignment(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	all := requests(t)
	boss := s.stranger("admin")
	boss.Call(t, http.MethodGet, "/v1/documents", nil).JSON(t, http.StatusOK, nil)
	places, bodyless := 0, 0
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		path := parameter.ReplaceAllString(route.Path(), s.eveDocument.String())
		before := s.w.DB.Dump(t)
		// In the query.
		members := boss.Call(t, route.Method(), path+"?user_id="+s.anna.ID.String(), nil)
		if fn.Name != "events-storage" && (members.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(members.Bytes), `"query.user_id"`)) {
			t.Errorf("%s takes ?user_id: %d %s", fn.Name, members.StatusCode, members.Bytes)
		}
		body, hasBody := all[fn.Name].RequestBody.Content["application/json"]
		objects(body.Schema, "body", func(at string, schema *schema) {
			places++
			if schema.Additional != false {
				t.Errorf("%s: openapi.yaml allows other members at %s", fn.Name, at)
			}
			extra := map[string]any{}
			for name, value := range assigned {
				if schema.Properties[name] == nil {
					extra[name] = value
				}
			}
			answer := boss.Call(t, route.Method(), path, place(at, extra))
			var problem struct {
				Errors []struct{ Location string }
			}
			answer.JSON(t, http.StatusUnprocessableEntity, &problem)
			for name := range extra {
				if !slices.ContainsFunc(problem.Errors, func(e struct{ Location string }) bool { return e.Location == at+"."+name }) {
					t.Errorf("%s: %s.%s is not refused by name: %s", fn.Name, at, name, answer.Bytes)
				}
			}
		})
		if after := s.w.DB.Dump(t); !bytes.Equal(before, after) {
			t.Errorf("%s: a refused body changed something: %s", fn.Name, difference(before, after))
		}
		if hasBody || route.Method() == http.MethodGet || fn.Name == "events-storage" {
			continue
		}
		bodyless++
		eve := s.stranger("user")
		before = s.anna.Owned(t)
		of := func() string {
			return dbtest.Query1[string](t, s.w.DB, `SELECT concat_ws(' ', u.role, q.limit_bytes, (SELECT string_agg(concat_ws('/', d.id, d.size, d.object_key), ',') FROM documents d WHERE d.user_id = u.id))
				FROM users u LEFT JOIN quotas q ON q.user_id = u.id WHERE u.id = $1`, eve.ID.String())
		}
		was := of()
		hostile := maps.Clone(assigned)
		hostile["user_id"], hostile["document_id"] = s.anna.ID.String(), s.ids["ready document"].String()
		mine := s.eveDocument
		if strings.HasPrefix(fn.Name, "uploads-") {
			mine = s.eveUpload
		}
		answer := eve.Call(t, route.Method(), parameter.ReplaceAllString(route.Path(), mine.String()), hostile)
		if now := of(); now != was && fn.Name != "me-delete" || strings.HasPrefix(now, "admin") {
			t.Errorf("%s with a body that it does not have: %s became %s", fn.Name, was, now)
		}
		if found := s.holds(answer.Bytes); found != "" {
			t.Errorf("%s with a body that it does not have answers %s", fn.Name, found)
		}
		if after := s.anna.Owned(t); !bytes.Equal(before, after) {
			t.Errorf("%s: what is Anna's changed: %s", fn.Name, difference(before, after))
		}
	}
	if places < 14 || bodyless < 12 {
		t.Errorf("only %d places in bodies, and %d operations without", places, bodyless)
	}
}
