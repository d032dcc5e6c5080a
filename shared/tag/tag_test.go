package tag_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/tag"
	"docuvault/shared/vaulttest"
)

func list(t testing.TB, u *vaulttest.User) map[string]tag.Tag {
	t.Helper()
	var body struct{ Items []tag.Tag }
	u.Call(t, http.MethodGet, "/v1/tags", nil).JSON(t, http.StatusOK, &body)
	all := map[string]tag.Tag{}
	for _, each := range body.Items {
		all[each.Name] = each
	}
	return all
}

func path(tag id.ID) string { return "/v1/tags/" + tag.String() }

func tagged(t testing.TB, u *vaulttest.User, tags ...string) id.ID {
	t.Helper()
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 50))
	u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"tags": tags}).JSON(t, http.StatusOK, nil)
	return d.ID
}

func tagsOf(t testing.TB, u *vaulttest.User, document id.ID) string {
	t.Helper()
	tags := u.Get(t, document).Tags
	slices.Sort(tags)
	return strings.Join(tags, " ")
}

func TestTagsAreRenamedMergedAndDeleted(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	both, one, two, trashed := tagged(t, u, "one", "two"), tagged(t, u, "one"), tagged(t, u, "two", "three"), tagged(t, u, "one")
	u.Call(t, http.MethodDelete, "/v1/documents/"+trashed.String(), nil).JSON(t, http.StatusNoContent, nil)
	tagged(t, other, "one")
	all := list(t, u)
	if len(all) != 3 || all["one"].Documents != 2 || all["two"].Documents != 2 || all["three"].Documents != 1 {
		t.Fatalf("the tags are %+v", all)
	}
	var renamed tag.Tag
	u.Call(t, http.MethodPatch, path(all["one"].ID), map[string]any{"name": " First "}, "If-Match", `"1"`).JSON(t, http.StatusOK, &renamed)
	if renamed.Name != "First" || renamed.Documents != 2 || renamed.Version != 2 || tagsOf(t, u, both) != "First two" {
		t.Errorf("renamed to %+v, the document has %s", renamed, tagsOf(t, u, both))
	}
	u.Call(t, http.MethodPatch, path(all["one"].ID), map[string]any{"name": "x"}, "If-Match", `"1"`).Problem(t, fault.PreconditionFailed)
	u.Call(t, http.MethodPatch, path(all["one"].ID), map[string]any{"name": "TWO"}).Problem(t, fault.NameTaken)
	u.Call(t, http.MethodPatch, path(all["one"].ID), map[string]any{"name": ""}).Problem(t, fault.ValidationFailed)

	version := u.Get(t, two).Version
	var merged tag.Tag
	u.Call(t, http.MethodPost, path(all["two"].ID)+"/merge", map[string]any{"into": all["one"].ID}).JSON(t, http.StatusOK, &merged)
	if merged.Name != "First" || merged.Documents != 3 || tagsOf(t, u, both) != "First" || tagsOf(t, u, one) != "First" || tagsOf(t, u, two) != "First three" {
		t.Errorf("merged to %+v", merged)
	}
	if u.Get(t, two).Version == version {
		t.Error("a document with another tag has the version that it had")
	}
	u.Call(t, http.MethodPost, path(all["two"].ID)+"/merge", map[string]any{"into": all["one"].ID}).Problem(t, fault.NotFound)
	u.Call(t, http.MethodPost, path(all["one"].ID)+"/merge", map[string]any{"into": all["one"].ID}).Problem(t, fault.ValidationFailed)

	u.Call(t, http.MethodDelete, path(all["one"].ID), nil).JSON(t, http.StatusNoContent, nil)
	if tagsOf(t, u, both) != "" || tagsOf(t, u, two) != "three" || len(list(t, u)) != 1 {
		t.Errorf("left are %+v", list(t, u))
	}
	u.Call(t, http.MethodDelete, path(all["one"].ID), nil).Problem(t, fault.NotFound)
	for action, target := range map[string]id.ID{"tag.renamed": all["one"].ID, "tag.merged": all["two"].ID, "tag.deleted": all["one"].ID} {
		if n := w.Audit(t, action, target); n != 1 {
			t.Errorf("%d entries of %s", n, action)
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM tags WHERE user_id = $1`, other.ID.String()); n != 1 {
		t.Errorf("another user has %d tags", n)
	}
}

func TestAnotherUsersTagIsNone(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := w.User(t), w.User(t)
	tagged(t, anna, "hers")
	tagged(t, ben, "his")
	hers, his := list(t, anna)["hers"].ID, list(t, ben)["his"].ID
	ben.Call(t, http.MethodPatch, path(hers), map[string]any{"name": "x"}).Problem(t, fault.NotFound)
	ben.Call(t, http.MethodDelete, path(hers), nil).Problem(t, fault.NotFound)
	ben.Call(t, http.MethodPost, path(hers)+"/merge", map[string]any{"into": his}).Problem(t, fault.NotFound)
	ben.Call(t, http.MethodPost, path(his)+"/merge", map[string]any{"into": hers}).Problem(t, fault.ValidationFailed)
	if len(list(t, anna)) != 1 || len(list(t, ben)) != 1 {
		t.Error("a tag is gone")
	}
}

// Whatever comes at once ends, and no document has a tag that is gone.
func TestMergingAndTaggingAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Allow("Two changes met") // a document gets a tag that is deleted in that moment
	u := w.User(t)
	for i := range 5 {
		a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
		documents := []id.ID{tagged(t, u, a, b), tagged(t, u, a), tagged(t, u, b)}
		all := list(t, u)
		vaulttest.AtOnce(6, func(n int) {
			var status int
			switch n {
			case 0:
				status = u.Call(t, http.MethodPost, path(all[a].ID)+"/merge", map[string]any{"into": all[b].ID}).StatusCode
			case 1:
				status = u.Call(t, http.MethodPost, path(all[b].ID)+"/merge", map[string]any{"into": all[a].ID}).StatusCode
			case 2:
				status = u.Call(t, http.MethodPatch, path(all[a].ID), map[string]any{"name": "c" + fmt.Sprint(i)}).StatusCode
			default:
				status = u.Call(t, http.MethodPatch, "/v1/documents/"+documents[n-3].String(), map[string]any{"tags": []string{a, "d"}}).StatusCode
			}
			if status >= 500 && status != http.StatusServiceUnavailable {
				t.Errorf("call %d answered %d", n, status)
			}
		})
	}
}
