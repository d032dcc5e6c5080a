package exportaudit_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"docuvault/functions/me/audit"
	"docuvault/functions/me/exportaudit"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/chain"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

type page struct {
	Head  *chain.Head `json:"head"`
	Items []struct {
		ID          int64        `json:"id"`
		XID         uint64       `json:"xid"`
		At          time.Time    `json:"at"`
		UserID      id.ID        `json:"user_id"`
		Actor       string       `json:"actor"`
		Action      string       `json:"action"`
		Target      id.ID        `json:"target"`
		PersonalMAC *chain.Hash  `json:"personal_mac"`
		Metadata    string       `json:"metadata"`
		Personal    *string      `json:"personal"`
		Salt        *chain.Hash  `json:"salt"`
		Seal        *int64       `json:"seal"`
		Index       int          `json:"index"`
		Proof       []chain.Hash `json:"proof"`
	} `json:"items"`
	Seals []struct {
		chain.Seal
		Hash chain.Hash `json:"hash"`
	} `json:"seals"`
	NextCursor string `json:"next_cursor"`
}

// check is what a user's own program does, with the answer's bytes alone. It
// returns how many entries are proven against the head, and what is wrong.
func check(t *testing.T, raw []byte) (proven int, wrong []string) {
	t.Helper()
	var p page
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	// From the head on, a seal is believed when one that is believed links to it.
	believed, seals := map[chain.Hash]bool{}, map[int64]chain.Seal{}
	if p.Head != nil {
		believed[p.Head.Hash] = true
	}
	for _, s := range p.Seals {
		hash := s.Seal.Hash()
		if !believed[hash] || hash != s.Hash {
			wrong = append(wrong, "a seal that nothing links to")
			continue
		}
		believed[s.Previous], believed[s.Jump] = true, true
		seals[s.Number] = s.Seal
	}
	for _, e := range p.Items {
		if e.Personal != nil {
			m := hmac.New(sha256.New, e.Salt[:])
			m.Write([]byte(*e.Personal))
			if chain.Hash(m.Sum(nil)) != *e.PersonalMAC {
				wrong = append(wrong, "a personal part that was changed")
			}
		}
		if e.Seal == nil {
			continue
		}
		entry := chain.Entry{ID: e.ID, XID: e.XID, At: e.At, User: e.UserID, Target: e.Target, Actor: e.Actor, Action: e.Action, Metadata: e.Metadata}
		if e.PersonalMAC != nil {
			entry.PersonalMAC = e.PersonalMAC[:]
		}
		s, ok := seals[*e.Seal]
		if !ok || !chain.Included(entry.Leaf(), e.Index, int(s.Count), e.Proof, s.Root) {
			wrong = append(wrong, "an entry that is not in its seal")
			continue
		}
		proven++
	}
	return proven, wrong
}

// Ten thousand entries among those of others, in many seals: every page proves
// its entries by itself.
func TestAUserChecksTheirOwnEntries(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, exportaudit.Function, audit.Function)
	c := v.SignUp(t, "a@example.org")
	other := v.SignUp(t, "b@example.org")
	v.DB.Exec(t, `INSERT INTO audit_log (user_id, actor, action, target, metadata)
	   SELECT CASE WHEN n % 3 = 0 THEN $2::uuid ELSE $1::uuid END, 'system', 'test.' || n % 7, CASE WHEN n % 2 = 0 THEN gen_random_uuid() END, jsonb_build_object('n', n, 'ä', '"\')
	     FROM generate_series(1, 15000) n`, c.Grant.User.ID, other.Grant.User.ID)
	v.DB.WaitForOthers(t, "")
	app := v.DB.AsApp(t)
	for made := true; made; {
		if err := app.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM audit_seal(97))`).Scan(&made); err != nil {
			t.Fatal(err)
		}
	}
	seals := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_seals`)
	// Two more, which no seal covers yet.
	v.DB.Exec(t, `INSERT INTO audit_log (user_id, actor, action) SELECT $1, 'user', 'test.new' FROM generate_series(1, 2)`, c.Grant.User.ID)

	var ids []int64
	total, pages, largest := 0, 0, 0
	for cursor := ""; ; pages++ {
		answer := c.Call(t, http.MethodGet, "/v1/me/audit/export?cursor="+cursor, nil)
		var p page
		answer.JSON(t, http.StatusOK, &p)
		proven, wrong := check(t, answer.Bytes)
		if len(wrong) > 0 {
			t.Fatalf("page %d: %q", pages, wrong)
		}
		total, largest = total+proven, max(largest, len(answer.Bytes))
		for _, e := range p.Items {
			ids = append(ids, e.ID)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if total != 10002 || len(ids) != 10004 || !slices.IsSorted(ids) || seals < 150 {
		t.Errorf("%d of %d entries are proven by %d seals", total, len(ids), seals)
	}
	if largest > 1<<19 {
		t.Errorf("a page has %d bytes", largest)
	}
	// The head is the one that the list shows.
	var list, export struct {
		Head *chain.Head `json:"head"`
	}
	c.Call(t, http.MethodGet, "/v1/me/audit", nil).JSON(t, http.StatusOK, &list)
	c.Call(t, http.MethodGet, "/v1/me/audit/export", nil).JSON(t, http.StatusOK, &export)
	if list.Head == nil || export.Head == nil || *list.Head != *export.Head || list.Head.Number != int64(seals) {
		t.Errorf("the list shows %v, the export %v", list.Head, export.Head)
	}

	// Whatever is changed, the check sees.
	before := 0
	for _, change := range []struct{ what, sql string }{
		{"an entry", `UPDATE audit_log SET action = 'test.other' WHERE user_id = $1 AND action = 'account.registered'`},
		{"a personal part", `UPDATE audit_personal SET personal = personal || ' ' WHERE user_id = $1`},
		{"a leaf", `UPDATE audit_seals SET leaves = set_byte(leaves, 160, get_byte(leaves, 160) # 1) WHERE number = 1 AND $1::uuid IS NOT NULL`},
		{"a root", `UPDATE audit_seals SET root = sha256(root) WHERE number = 2 AND $1::uuid IS NOT NULL`},
		{"the head", `UPDATE audit_seals SET hash = sha256(hash) WHERE number = (SELECT max(number) FROM audit_seals) AND $1::uuid IS NOT NULL`},
	} {
		v.DB.Exec(t, change.sql, c.Grant.User.ID)
		_, wrong := check(t, c.Call(t, http.MethodGet, "/v1/me/audit/export", nil).Bytes)
		if len(wrong) <= before {
			t.Errorf("%s was changed, and the export does not show it", change.what)
		}
		before = len(wrong)
	}
}

func TestAnEmptyLogAndBadPages(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, exportaudit.Function)
	c := v.SignUp(t, "a@example.org")
	answer := c.Call(t, http.MethodGet, "/v1/me/audit/export", nil)
	var p page
	answer.JSON(t, http.StatusOK, &p)
	if p.Head != nil || len(p.Items) != 2 || p.Items[0].Seal != nil || p.Items[0].Proof == nil || p.Seals == nil {
		t.Errorf("without a seal: %s", answer.Bytes)
	}
	c.Call(t, http.MethodGet, "/v1/me/audit/export?cursor=x", nil).Problem(t, fault.CursorInvalid)
	c.Call(t, http.MethodGet, "/v1/me/audit/export?limit=201", nil).Problem(t, fault.ValidationFailed)
	v.Client().Call(t, http.MethodGet, "/v1/me/audit/export", nil).Problem(t, fault.Unauthenticated)
}
