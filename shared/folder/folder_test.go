package folder_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/folder"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

func tree(t testing.TB, u *vaulttest.User) (all []folder.Folder) {
	t.Helper()
	var body struct{ Items []folder.Folder }
	u.Call(t, http.MethodGet, "/v1/folders", nil).JSON(t, http.StatusOK, &body)
	return body.Items
}

// paths are the tree as sorted paths, with the number of documents.
func paths(t testing.TB, u *vaulttest.User) string {
	t.Helper()
	at := map[id.ID]string{}
	var all []string
	for _, f := range tree(t, u) { // parents come first
		at[f.ID] = f.Name
		if f.ParentID != nil {
			at[f.ID] = at[*f.ParentID] + "/" + f.Name
		}
		all = append(all, fmt.Sprintf("%s:%d", at[f.ID], f.Documents))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func create(t testing.TB, u *vaulttest.User, name string, parent id.ID) folder.Folder {
	t.Helper()
	body := map[string]any{"name": name}
	if !parent.IsNil() {
		body["parent_id"] = parent
	}
	var f folder.Folder
	u.Call(t, http.MethodPost, "/v1/folders", body).JSON(t, http.StatusCreated, &f)
	return f
}

func path(f id.ID) string { return "/v1/folders/" + f.String() }

// store makes a document that lies in a folder.
func store(t testing.TB, u *vaulttest.User, in id.ID) id.ID {
	t.Helper()
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 50))
	u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"folder_id": in}).JSON(t, http.StatusOK, nil)
	return d.ID
}

func TestATreeIsMadeRenamedAndMoved(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	if all := tree(t, u); len(all) != 0 {
		t.Errorf("a new tree holds %v", all)
	}
	tax := create(t, u, "  Tax ", id.Nil)
	year := create(t, u, "2024", tax.ID)
	create(t, other, "Tax", id.Nil) // another user's names are no matter
	store(t, u, year.ID)
	if tax.Name != "Tax" || tax.ParentID != nil || *year.ParentID != tax.ID {
		t.Errorf("made %+v and %+v", tax, year)
	}
	for name, want := range map[string]fault.Code{"TAX": fault.NameTaken, " ": fault.ValidationFailed, strings.Repeat("x", 101): fault.ValidationFailed} {
		u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": name}).Problem(t, want)
	}
	create(t, u, "Tax", tax.ID) // it is no name of that folder
	var f folder.Folder
	a := u.Call(t, http.MethodPatch, path(year.ID), map[string]any{"name": "2025", "parent_id": nil}, "If-Match", `"1"`)
	a.JSON(t, http.StatusOK, &f)
	if f.Name != "2025" || f.ParentID != nil || f.Documents != 1 || f.Version != 2 || a.Header.Get("ETag") != `"2"` {
		t.Errorf("changed to %+v, ETag %s", f, a.Header.Get("ETag"))
	}
	u.Call(t, http.MethodPatch, path(year.ID), map[string]any{"name": "2026"}, "If-Match", `"1"`).Problem(t, fault.PreconditionFailed)
	u.Call(t, http.MethodPatch, path(year.ID), map[string]any{"name": "tax"}).Problem(t, fault.NameTaken)
	if got := paths(t, u); got != "2025:1 Tax/Tax:0 Tax:0" {
		t.Errorf("the tree is %s", got)
	}
	if w.Audit(t, "folder.created", tax.ID) != 1 || w.Audit(t, "folder.changed", year.ID) != 1 {
		t.Error("want one entry in the log for each change")
	}
	// An upload's path makes what is missing, in any case.
	body := vaulttest.Announce("b.txt", "text/plain", vaulttest.Unique(t, 10))
	body["path"] = "TAX/2023/March"
	u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, nil)
	if got := paths(t, u); got != "2025:1 Tax/2023/March:0 Tax/2023:0 Tax/Tax:0 Tax:0" {
		t.Errorf("the tree is %s", got)
	}
}

func TestAnotherUsersFolderIsNone(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := w.User(t), w.User(t)
	hers, his := create(t, anna, "Hers", id.Nil), create(t, ben, "His", id.Nil)
	ben.Call(t, http.MethodPatch, path(hers.ID), map[string]any{"name": "x"}).Problem(t, fault.NotFound)
	ben.Call(t, http.MethodDelete, path(hers.ID), nil).Problem(t, fault.NotFound)
	ben.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "x", "parent_id": hers.ID}).Problem(t, fault.ValidationFailed)
	ben.Call(t, http.MethodPatch, path(his.ID), map[string]any{"parent_id": hers.ID}).Problem(t, fault.ValidationFailed)
	ben.Call(t, http.MethodPatch, path(id.New()), map[string]any{"name": "x"}).Problem(t, fault.NotFound)
	if a, b := paths(t, anna), paths(t, ben); a != "Hers:0" || b != "His:0" {
		t.Errorf("the trees are %s and %s", a, b)
	}
}

func TestNoFolderComesToLieInItself(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	a := create(t, u, "A", id.Nil)
	b := create(t, u, "B", a.ID)
	c := create(t, u, "C", b.ID)
	for _, into := range []id.ID{a.ID, b.ID, c.ID} {
		u.Call(t, http.MethodPatch, path(a.ID), map[string]any{"parent_id": into}).Problem(t, fault.FolderCycle)
	}
	// What lies in a cycle would be missing.
	if n := len(tree(t, u)); n != 3 {
		t.Errorf("%d folders are reached from the top, want 3", n)
	}
}

// Two moves, each of which is fine, and that together would be a cycle: the
// second waits for the first, and then sees it.
func TestTwoMovesAtOnceMakeNoCycle(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	// Each goes into a folder that is in the other: the locks of their rows do not meet.
	x, y := create(t, u, "X", id.Nil), create(t, u, "Y", id.Nil)
	inX, inY := create(t, u, "in X", x.ID), create(t, u, "in Y", y.ID)
	tx, err := w.DB.AsSuper(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT set_config('app.user_id', $1, true)`, u.ID.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `UPDATE folders SET parent_id = $1 WHERE id = $2`, inY.ID.String(), x.ID.String()); err != nil {
		t.Fatal(err)
	}
	answer := make(chan hosttest.Answer)
	go func() { answer <- u.Call(t, http.MethodPatch, path(y.ID), map[string]any{"parent_id": inX.ID}) }()
	w.Blocked(t)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	(<-answer).Problem(t, fault.FolderCycle)
	if n := len(tree(t, u)); n != 4 {
		t.Errorf("%d folders are reached from the top, want 4", n)
	}
}

// The schema itself refuses it, whatever statement comes.
func TestTheSchemaRefusesACycleToo(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	a := create(t, u, "A", id.Nil)
	b := create(t, u, "B", a.ID)
	conn := w.DB.AsSuper(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, u.ID.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `UPDATE folders SET parent_id = $1 WHERE id = $2`, b.ID.String(), a.ID.String()); err == nil || !strings.Contains(err.Error(), "DV425") {
		t.Errorf("got %v", err)
	}
}

func TestFoldersNestToALimit(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	body := vaulttest.Announce("a.txt", "text/plain", vaulttest.Unique(t, 10))
	body["path"] = strings.Repeat("d/", 32)
	u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, nil)
	all := tree(t, u)
	if len(all) != 32 {
		t.Fatalf("%d folders", len(all))
	}
	deepest := all[31].ID
	u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "x", "parent_id": deepest}).Problem(t, fault.FolderTooDeep)
	top := create(t, u, "top", id.Nil)
	create(t, u, "below", top.ID)
	u.Call(t, http.MethodPatch, path(top.ID), map[string]any{"parent_id": all[30].ID}).Problem(t, fault.FolderTooDeep)
	u.Call(t, http.MethodPatch, path(top.ID), map[string]any{"parent_id": all[29].ID}).JSON(t, http.StatusOK, nil)
	body["path"], body["folder_id"], body["sha256"] = "one more", deepest, strings.Repeat("0", 64)
	u.Call(t, http.MethodPost, "/v1/uploads", body).Problem(t, fault.FolderTooDeep)
}

func TestDeletingAFolderTrashesAllInItAndRestoringBringsItBack(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	tax := create(t, u, "Tax", id.Nil)
	year := create(t, u, "2024", tax.ID)
	create(t, u, "empty", year.ID)
	create(t, u, "Kept", id.Nil)
	upper, lower := store(t, u, tax.ID), store(t, u, year.ID)
	body := vaulttest.Announce("p.txt", "text/plain", vaulttest.Unique(t, 10))
	body["folder_id"] = year.ID
	var pending vaulttest.Begun
	u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &pending)

	u.Call(t, http.MethodDelete, path(tax.ID), nil, "If-Match", `"9"`).Problem(t, fault.PreconditionFailed)
	var gone folder.Deleted
	u.Call(t, http.MethodDelete, path(tax.ID), nil, "If-Match", `"1"`).JSON(t, http.StatusOK, &gone)
	if gone != (folder.Deleted{Folders: 3, Documents: 2}) || paths(t, u) != "Kept:0" {
		t.Errorf("deleted %+v, left %s", gone, paths(t, u))
	}
	if w.Status(t, upper) != "trashed" || w.Status(t, lower) != "trashed" || w.Audit(t, "folder.deleted", tax.ID) != 1 || w.Audit(t, "document.trashed", lower) != 1 {
		t.Errorf("statuses %s and %s", w.Status(t, upper), w.Status(t, lower))
	}
	if d := u.Get(t, pending.Document.ID); d.FolderID != "" || d.Status != "pending" {
		t.Errorf("the open upload is %+v", d)
	}
	u.Call(t, http.MethodDelete, path(tax.ID), nil).Problem(t, fault.NotFound)
	u.Call(t, http.MethodPatch, path(year.ID), map[string]any{"name": "x"}).Problem(t, fault.NotFound)
	u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "x", "parent_id": year.ID}).Problem(t, fault.ValidationFailed)

	// Meanwhile there is another folder of that name: it takes the place.
	newer := create(t, u, "TAX", id.Nil)
	restore := func(document id.ID) {
		t.Helper()
		u.Call(t, http.MethodPost, "/v1/documents/"+document.String()+"/restore", nil).JSON(t, http.StatusOK, nil)
	}
	restore(lower)
	if got := paths(t, u); got != "Kept:0 TAX/2024:1 TAX:0" {
		t.Errorf("after one: %s", got)
	}
	restore(upper)
	if d := u.Get(t, upper); d.FolderID != newer.ID.String() || d.Status != "stored" {
		t.Errorf("restored into %s as %s", d.FolderID, d.Status)
	}
	// The folder that nothing lies in any more goes with the next pass.
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM folders WHERE deleted_at IS NOT NULL`); n != 0 {
		t.Errorf("%d deleted folders are left", n)
	}
	if got := paths(t, u); got != "Kept:0 TAX/2024:1 TAX:1" {
		t.Errorf("in the end: %s", got)
	}
}

func TestALargeFolderIsDeletedInPieces(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	f := create(t, u, "F", id.Nil)
	w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate, folder_id)
	  SELECT gen_random_uuid(), $1, 'ready', 'k' || i, 0, sha256(''), 'text/plain', now(), '', true, $2 FROM generate_series(1, 2100) i`, u.ID.String(), f.ID.String())
	var gone folder.Deleted
	u.Call(t, http.MethodDelete, path(f.ID), nil).JSON(t, http.StatusOK, &gone)
	if gone != (folder.Deleted{Folders: 1, Documents: 2100}) {
		t.Errorf("deleted %+v", gone)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE action = 'document.trashed'`); n != 2100 {
		t.Errorf("%d entries in the log", n)
	}
}

// Whatever comes at once: no document is left in a folder that is gone, and
// nobody waits for ever.
func TestDeletingWhileDocumentsMove(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	for i := range 5 {
		a := create(t, u, fmt.Sprint("A", i), id.Nil)
		b := create(t, u, fmt.Sprint("B", i), a.ID)
		documents := []id.ID{store(t, u, a.ID), store(t, u, b.ID), store(t, u, a.ID)}
		vaulttest.AtOnce(8, func(n int) {
			document := "/v1/documents/" + documents[n%3].String()
			var status int
			switch n {
			case 0:
				status = u.Call(t, http.MethodDelete, path(a.ID), nil).StatusCode
			case 1:
				status = u.Call(t, http.MethodDelete, path(b.ID), nil).StatusCode
			case 2, 3, 4:
				status = u.Call(t, http.MethodPatch, document, map[string]any{"folder_id": b.ID}).StatusCode
			case 5, 6:
				status = u.Call(t, http.MethodPost, document+"/restore", nil).StatusCode
			case 7:
				body := vaulttest.Announce("n.txt", "text/plain", vaulttest.Unique(t, 20))
				body["folder_id"], body["path"] = a.ID, "B"+fmt.Sprint(i)+"/new"
				status = u.Call(t, http.MethodPost, "/v1/uploads", body).StatusCode
			}
			if status >= 500 {
				t.Errorf("call %d answered %d", n, status)
			}
		})
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM documents d JOIN folders f ON f.id = d.folder_id WHERE f.deleted_at IS NOT NULL AND d.status <> 'trashed'`); n != 0 {
		t.Errorf("%d documents lie in a folder that is gone", n)
	}
}
