package hosthttp

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// withoutNulls returns v with an empty slice or map in place of each nil one,
// so that JSON has [] and {} where Go has nil. v itself stays as it is: what
// changes is copied. Types that encode themselves, and members that omitempty
// or omitzero leaves out, are not touched.
func withoutNulls(v any) any {
	if v == nil || !holdsLists(reflect.TypeOf(v)) {
		return v
	}
	out := reflect.New(reflect.TypeOf(v)).Elem()
	out.Set(reflect.ValueOf(v))
	fill(out)
	return out.Interface()
}

// fill replaces nil slices and maps below v, which can be set.
func fill(v reflect.Value) {
	t := v.Type()
	if !holdsLists(t) {
		return
	}
	switch t.Kind() {
	case reflect.Slice:
		n := v.Len()
		if !v.IsNil() && !holdsLists(t.Elem()) {
			return
		}
		copied := reflect.MakeSlice(t, n, n)
		reflect.Copy(copied, v)
		for i := range n {
			fill(copied.Index(i))
		}
		v.Set(copied)
	case reflect.Map:
		if !v.IsNil() && !holdsLists(t.Elem()) {
			return
		}
		copied := reflect.MakeMapWithSize(t, v.Len())
		for it := v.MapRange(); it.Next(); {
			elem := reflect.New(t.Elem()).Elem()
			elem.Set(it.Value())
			fill(elem)
			copied.SetMapIndex(it.Key(), elem)
		}
		v.Set(copied)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		copied := reflect.New(t.Elem())
		copied.Elem().Set(v.Elem())
		fill(copied.Elem())
		v.Set(copied)
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		copied := reflect.New(v.Elem().Type()).Elem()
		copied.Set(v.Elem())
		fill(copied)
		v.Set(copied)
	case reflect.Struct:
		for i := range t.NumField() {
			if encodes(t.Field(i)) && !leftOut(t.Field(i), v.Field(i)) {
				fill(v.Field(i))
			}
		}
	}
}

// encodes reports whether JSON looks at the field: also at the exported members
// of an embedded struct that is not exported itself.
func encodes(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct
}

// leftOut reports whether JSON leaves the field out because it is nil.
func leftOut(f reflect.StructField, v reflect.Value) bool {
	if k := f.Type.Kind(); k != reflect.Slice && k != reflect.Map || !v.IsNil() {
		return false
	}
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
}

var listTypes sync.Map // reflect.Type -> bool

// holdsLists reports whether a value of type t can hold a slice or map that
// JSON would show as null.
func holdsLists(t reflect.Type) bool {
	if known, ok := listTypes.Load(t); ok {
		return known.(bool)
	}
	found := searchLists(t, map[reflect.Type]bool{})
	listTypes.Store(t, found)
	return found
}

func searchLists(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false // a cycle adds nothing that its first visit does not find
	}
	seen[t] = true
	if pt := reflect.PointerTo(t); t.Kind() != reflect.Interface &&
		(pt.Implements(jsonMarshaler) || pt.Implements(textMarshaler)) {
		return false
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Interface:
		return true
	case reflect.Array, reflect.Pointer:
		return searchLists(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if encodes(t.Field(i)) && searchLists(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
