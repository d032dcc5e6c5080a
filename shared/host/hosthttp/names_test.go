package hosthttp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/internal/twin"
	"docuvault/shared/id"
)

// Item has the name of another package's type.
type Item struct {
	ID    id.ID  `json:"id"`
	Other *id.ID `json:"other,omitempty"`
}

// Input and Output are what most functions call theirs.
type Input struct {
	ID   id.ID `path:"id"`
	Body struct {
		Mine []Item `json:"mine"`
	}
}

type Output struct {
	Body twin.Page[Item]
}

func declared[I, O any](name, path string) host.Function {
	return host.Function{Name: name, Trigger: Operation(
		huma.Operation{OperationID: name, Method: "POST", Path: path, Summary: "x"},
		func(*host.Env) (func(context.Context, *I) (*O, error), error) { return nil, nil })}
}

func TestTypesOfOneName(t *testing.T) {
	t.Parallel()
	out, err := OpenAPI([]host.Function{
		declared[Input, Output]("papers-mine", "/mine/{id}"),
		declared[twin.Input, twin.Output]("papers-twin", "/twin"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Item", "TwinItem", "PapersMineInputBody", "PapersTwinInputBody", "TwinPageItem", "TwinPageTwinItem", "Problem", "Violation"} {
		if !strings.Contains(string(out), "\n    "+name+":\n") {
			t.Errorf("no schema %s", name)
		}
	}
	if n := strings.Count(string(out), "format: uuid"); n != 3 {
		t.Errorf("%d ids are of format uuid, want 3", n)
	}
	if t.Failed() {
		t.Log(string(out))
	}
	if strings.Contains(string(out), "- \"null\"") || strings.Contains(string(out), "$schema") {
		t.Errorf("null or $schema in:\n%s", out)
	}

	_, err = OpenAPI([]host.Function{declared[Input, Output]("one", "/one/{id}"), declared[Input, Output]("one", "/two/{id}")})
	if err == nil || !strings.Contains(err.Error(), "duplicate") {
		t.Errorf("two operations of one id: %v", err)
	}
}

func TestQualified(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"docuvault/shared/vault.Document":                                   "VaultDocument",
		"docuvault/functions/documents/list.Item":                           "DocumentsListItem",
		"docuvault/shared/vault.Page[docuvault/functions/folders/list.Ro]":  "VaultPageFoldersListRo",
		"docuvault/shared/vault.Page[[]*docuvault/shared/quota.Use,string]": "VaultPageListQuotaUseString",
		"time.Duration": "TimeDuration",
	} {
		if got := qualified(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

type embedded struct {
	Deep []string `json:"deep"`
}

type everything struct {
	embedded
	Slice    []int               `json:"slice"`
	Nested   [][]string          `json:"nested"`
	Map      map[string][]int    `json:"map"`
	Pointer  *embedded           `json:"pointer"`
	Absent   *embedded           `json:"absent"`
	Any      any                 `json:"any"`
	Bytes    []byte              `json:"bytes"`
	Raw      json.RawMessage     `json:"raw"`
	Time     time.Time           `json:"time"`
	ID       id.ID               `json:"id"`
	Array    [1][]int            `json:"array"`
	Omitted  []int               `json:"omitted,omitempty"`
	Zeroless []int               `json:"zeroless,omitzero"`
	Self     []everything        `json:"self"`
	Structs  map[string]embedded `json:"structs"`
	hidden   []int
}

func TestWithoutNulls(t *testing.T) {
	t.Parallel()
	given := everything{
		Nested: [][]string{nil, {"a"}}, Map: map[string][]int{"a": nil}, Pointer: &embedded{},
		Any: map[string]any{"x": []int(nil), "y": nil}, Self: []everything{{}}, Structs: map[string]embedded{"a": {}},
	}
	before := fmt.Sprintf("%#v", given.Pointer)
	out, err := encode(given)
	if err != nil {
		t.Fatal(err)
	}
	inner := `{"deep":[],"slice":[],"nested":[],"map":{},"pointer":null,"absent":null,"any":null,"bytes":"","raw":null,` +
		`"time":"0001-01-01T00:00:00Z","id":"00000000-0000-0000-0000-000000000000","array":[[]],"self":[],"structs":{}}`
	want := `{"deep":[],"slice":[],"nested":[[],["a"]],"map":{"a":[]},"pointer":{"deep":[]},"absent":null,"any":{"x":[],"y":null},"bytes":"","raw":null,` +
		`"time":"0001-01-01T00:00:00Z","id":"00000000-0000-0000-0000-000000000000","array":[[]],"self":[` + inner + `],"structs":{"a":{"deep":[]}}}`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if given.Slice != nil || given.Nested[0] != nil || given.Map["a"] != nil || fmt.Sprintf("%#v", given.Pointer) != before || given.Pointer.Deep != nil || given.hidden != nil {
		t.Error("the given value changed")
	}
	if out, err := encode(nil); err != nil || string(out) != "null\n" {
		t.Errorf("nil: %s %v", out, err)
	}
}
