package hosthttp

import (
	"encoding"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// namer names the schemas of one API. Two packages may have types of one name:
// the schema's name carries the package. A function's type is named after its
// area and verb (functions/documents/list.Item: DocumentsListItem), any other
// after its package (shared/vault.Document: VaultDocument). Types without a
// name are named after the operation that is being registered. huma panics
// when two types still end with one name, which is what we want at start.
type namer struct {
	operation string
}

// ownPackage is this package: Problem is just Problem.
var ownPackage = reflect.TypeFor[Problem]().PkgPath()

func (n *namer) name(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Name() == "":
		return pascal(n.operation) + pascal(hint)
	case t.PkgPath() == "":
		return pascal(t.Name())
	default:
		return qualified(t.PkgPath() + "." + t.Name())
	}
}

// qualified names a type by its path, "a/b/pkg.Type" or
// "a/b/pkg.Type[c/d/pkg.Other]".
func qualified(name string) string {
	name = strings.ReplaceAll(name, "[]", "List[")
	var out strings.Builder
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("[]*,", r) }) {
		slash := strings.LastIndex(part, "/") + 1
		pkg, typ, ok := strings.Cut(part[slash:], ".")
		if !ok {
			out.WriteString(pascal(part))
			continue
		}
		path := part[:slash] + pkg
		if path == ownPackage {
			pkg = ""
		}
		if _, below, ok := strings.Cut(path, "/functions/"); ok {
			pkg = below
		}
		out.WriteString(pascal(pkg) + pascal(strings.ReplaceAll(typ, "·", "")))
	}
	return out.String()
}

// pascal joins the words of s, each with an upper-case first letter.
func pascal(s string) string {
	var out strings.Builder
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		first, size := utf8.DecodeRuneInString(word)
		out.WriteRune(unicode.ToUpper(first))
		out.WriteString(word[size:])
	}
	return out.String()
}

var (
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	idText          = reflect.TypeFor[idSchema]()
)

// idSchema stands for every type of 16 bytes with a text form, as shared/id.ID
// is; this package does not import that one, to stay free of what it imports.
type idSchema struct{}

// Schema is that of a UUID in its text form.
func (idSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

// describeIDs makes the id types below t strings of format uuid.
func describeIDs(registry huma.Registry, t reflect.Type, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Array:
		if t.Len() == 16 && t.Elem().Kind() == reflect.Uint8 &&
			t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textUnmarshaler) {
			registry.RegisterTypeAlias(t, idText)
			return
		}
		describeIDs(registry, t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Map:
		describeIDs(registry, t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			describeIDs(registry, t.Field(i).Type, seen)
		}
	}
}
