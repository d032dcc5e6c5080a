// Package groups says which functions share a program, and so instances and their
// connections, where template.grouped.yaml is deployed: a vault on a database that
// takes 100 connections cannot give each of 80 functions its own.
//
// A group has the secrets of all its members. So the three that read the signing
// and the session keys are one group, with no others; and what has to open no
// sealed value is in no group that does, but for the sake of its area: auth-reauth
// is with the second factors, whose keys it needs.
//
// template.grouped.yaml and the groups' mains are made of this and of
// template.yaml: make generate.
package groups

import (
	"slices"
	"strings"

	"docuvault/shared/host"
)

// Group is some HTTP functions in one program.
type Group struct {
	// Name is the folder below this one, and the function's name in the stack.
	Name string
	// Areas are those whose functions are in the group, unless another names them.
	Areas []string
	// Functions are named one by one.
	Functions []string
	// Concurrency is how many instances there are at most, each with a connection.
	Concurrency int
}

// All are the groups. An HTTP function in none of them stays alone: it has no
// connection to the database.
var All = []Group{
	{Name: "admin", Areas: []string{"admin"}, Concurrency: 1},
	{Name: "auth", Areas: []string{"auth"}, Concurrency: 2},
	{Name: "documents", Areas: []string{"changes", "documents", "search", "trash"}, Concurrency: 14},
	{Name: "library", Areas: []string{"folders", "tags", "topics"}, Concurrency: 3},
	{Name: "me", Areas: []string{"me"}, Functions: []string{"auth-reauth"}, Concurrency: 3},
	{Name: "signin", Functions: []string{"auth-login", "auth-refresh", "auth-register"}, Concurrency: 10},
	{Name: "uploads", Areas: []string{"uploads"}, Concurrency: 10},
}

// Alone is the concurrency of functions that no group has, where it is another
// than in template.yaml.
var Alone = map[string]int{
	"workers-analyze":        4,
	"workers-purge":          2,
	"workers-uploadcomplete": 4,
}

// Of returns the group of a function, if it has one.
func Of(fn host.Function) (Group, bool) {
	if fn.Trigger.Kind() != "http" {
		return Group{}, false
	}
	i := slices.IndexFunc(All, func(g Group) bool { return slices.Contains(g.Functions, fn.Name) })
	if i < 0 {
		area, _, _ := strings.Cut(fn.Name, "-")
		i = slices.IndexFunc(All, func(g Group) bool { return slices.Contains(g.Areas, area) })
	}
	if i < 0 {
		return Group{}, false
	}
	return All[i], true
}

// Deployed is a function's name in the stack of groups, without the stack's own.
func Deployed(fn host.Function) string {
	if group, ok := Of(fn); ok {
		return group.Name
	}
	return fn.Name
}
