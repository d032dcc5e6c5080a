package search

import (
	"cmp"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// filed is a paper with all that filters look at.
type filed struct {
	paper
	topic, folder string // names; folders as a path
	tags          []string
	size          int
	kind, sniffed string
	status        string
	date          string // on the paper
	added         time.Time
}

func (f filed) day() string { return cmp.Or(f.date, f.added.UTC().Format(time.DateOnly)) }

// cabinet is a user's documents with the names that they are filed under.
type cabinet struct {
	*world
	actor database.Actor
	keys  *keys.User
	names map[string]id.ID // "topics Invoice"
	all   map[id.ID]filed
}

func newCabinet(t *testing.T) *cabinet {
	w := newWorld(t)
	actor, u := w.user(t)
	w.db.Exec(t, `ALTER TABLE documents DISABLE TRIGGER USER`)
	return &cabinet{w, actor, u, map[string]id.ID{}, map[id.ID]filed{}}
}

// named makes a name, once; a folder's is a path.
func (c *cabinet) named(t *testing.T, of vault.Names, table, name string) any {
	t.Helper()
	if name == "" {
		return nil
	}
	if known, ok := c.names[table+" "+name]; ok {
		return known.String()
	}
	record := id.New()
	parent, last := any(nil), name
	if at := strings.LastIndexByte(name, '/'); at > 0 && table == "folders" {
		parent, last = c.named(t, of, table, name[:at]), name[at+1:]
	}
	sealed, err := vault.SealName(c.keys, of, record, last)
	if err != nil {
		t.Fatal(err)
	}
	args := []any{record.String(), c.actor.User().String(), sealed.Key, sealed.Sealed}
	sql := `INSERT INTO ` + table + ` (id, user_id, name_key, name_sealed) VALUES ($1, $2, $3, $4)`
	if table == "folders" {
		sql, args = `INSERT INTO folders (id, user_id, name_key, name_sealed, parent_id) VALUES ($1, $2, $3, $4, $5)`, append(args, parent)
	}
	c.db.Exec(t, `ALTER TABLE folders DISABLE TRIGGER USER`)
	c.db.Exec(t, sql, args...)
	c.names[table+" "+name] = record
	return record.String()
}

func (c *cabinet) file(t *testing.T, f filed) id.ID {
	t.Helper()
	f.kind, f.status = cmp.Or(f.kind, "text/plain"), cmp.Or(f.status, "ready")
	if f.added.IsZero() {
		f.added = time.Now()
	}
	f.id = c.add(t, c.actor, c.keys, f.paper)
	var sniffed, date, trashed any
	if f.sniffed != "" {
		sniffed = f.sniffed
	}
	if f.date != "" {
		date = f.date
	}
	if f.status == "trashed" {
		trashed = time.Now()
	}
	topic := c.named(t, vault.TopicNames, "topics", f.topic)
	c.db.Exec(t, `UPDATE documents SET topic_id = $2, topic_source = CASE WHEN $2::uuid IS NOT NULL THEN 'user' END, folder_id = $3, size = $4, content_type = $5, sniffed_type = $6,
	    status = $7, document_date = $8::date, created_at = $9, trashed_at = $10 WHERE id = $1`,
		f.id.String(), topic, c.named(t, vault.FolderNames, "folders", f.folder), f.size, f.kind, sniffed, f.status, date, f.added, trashed)
	for _, tag := range f.tags {
		c.db.Exec(t, `INSERT INTO document_tags (document_id, tag_id, user_id) VALUES ($1, $2, $3)`, f.id.String(), c.named(t, vault.TagNames, "tags", tag), c.actor.User().String())
	}
	c.all[f.id] = f
	return f.id
}

// listed are all that the list has for a query, page by page.
func (c *cabinet) listed(t *testing.T, q, sort string, limit int) (all []id.ID) {
	t.Helper()
	f := vault.Filter{Sort: sort, Limit: limit}
	for {
		var err error
		if f.Match, err = c.searcher.Matching(t.Context(), c.actor, "q", q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		page, err := c.searcher.vault.List(t.Context(), c.actor, f)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		for _, d := range page.Items {
			all = append(all, d.ID)
		}
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			return all
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	name := map[id.ID]string{}
	for n, f := range map[string]filed{
		"rent": {paper: paper{filename: "Miete Mai.pdf", correspondent: "Acme Hausverwaltung GmbH", text: "Die Miete beträgt 900 EUR", language: "de"}, topic: "Housing",
			folder: "Home/Tax 2024", tags: []string{"tax", "Öffentlich"}, size: 2 << 20, kind: "application/octet-stream", sniffed: "application/pdf", date: "2024-05-01", added: at("2025-06-01T10:00:00Z")},
		"photo": {paper: paper{filename: "acme.jpg", text: "Miete", language: "en"}, folder: "Home", size: 300 << 10, kind: "image/jpeg", added: at("2024-12-31T23:59:59Z")},
		"bill": {paper: paper{filename: "bill.pdf", title: "Strom", correspondent: "Stadtwerke", text: "power"}, topic: "Invoices", tags: []string{"tax"}, folder: "Work/Tax 2024",
			size: 100, kind: "application/pdf", status: "failed", date: "2025-01-01", added: at("2025-02-01T00:00:00Z")},
		"old": {paper: paper{filename: "old.txt", text: "Miete power"}, topic: "Invoices", size: 1 << 20, kind: "text/plain; charset=utf-8", status: "trashed", date: "1999-12-31", added: at("2025-01-01T00:00:00Z")},
	} {
		name[c.file(t, f)] = n
	}
	for q, want := range map[string]string{
		"topic:invoices":                   "bill",
		"topic:INVOICES in:all":            "bill old",
		"topic:inv*,housing":               "bill rent",
		"topic:invoices topic:housing":     "bill rent",
		"-topic:invoices is:ready":         "photo rent",
		"tag:tax":                          "bill rent",
		"tag:tax tag:öffentlich":           "rent",
		"tag:o\u0308FF*":                   "rent",
		"tag:tax -tag:öffentlich":          "bill",
		"folder:home":                      "photo rent",
		`folder:"tax 2024"`:                "bill rent",
		`folder:"Work/Tax 2024"`:           "bill",
		`folder:/work`:                     "bill",
		`folder:"/home/tax  2024" miete`:   "rent",
		"from:acme":                        "rent",
		"from:ac miete":                    "rent",
		`from:"acme gmbh"`:                 "",
		`from:"hausverwaltung gmbh"`:       "rent",
		"from:acme from:stadtwerke":        "bill rent",
		"acme":                             "photo rent",
		"name:acme":                        "photo",
		"name:str":                         "bill",
		"name:miete":                       "rent",
		"miete -name:acme":                 "rent",
		"type:pdf":                         "bill rent",
		"type:image":                       "photo",
		"type:text in:trash":               "old",
		"type:image/jpeg,pdf":              "bill photo rent",
		"lang:de":                          "rent",
		"lang:de lang:en":                  "photo rent",
		"is:failed":                        "bill",
		"is:trashed":                       "old",
		"miete in:trash":                   "old",
		"miete in:all":                     "old photo rent",
		"miete":                            "photo rent",
		"in:trash OR topic:housing":        "old rent",
		"date:2024":                        "photo rent", // the photo by its upload
		"date:2024-12-31":                  "photo",
		"before:2025":                      "photo rent",
		"before:2000 in:all":               "old",
		"after:2024":                       "bill",
		"after:2024-05-01 before:2025":     "photo",
		"year:2024..2025":                  "bill photo rent",
		"year:2025 year:2023":              "bill",
		"date:>=2025":                      "bill",
		"added:2025":                       "bill rent",
		"added:2024-12-31":                 "photo",
		"added:>2025-02-01":                "rent",
		"size:>1mb":                        "rent",
		"size:>=1mb in:all":                "old rent",
		"size:<1mb miete":                  "photo",
		"size:100..300kb":                  "bill photo",
		"-miete type:pdf":                  "bill",
		`-"die miete" folder:home`:         "photo",
		"(miete OR power) topic:invoices":  "bill",
		"topic:housing (miete size:>1mb)":  "rent",
		"(topic:housing OR tag:tax) power": "bill",
	} {
		for what, got := range map[string][]id.ID{"search": ids(c.world.all(t, c.actor, q, 1)), "list": c.listed(t, q, "-created_at", 1)} {
			var names []string
			for _, document := range got {
				names = append(names, name[document])
			}
			slices.Sort(names)
			if s := strings.Join(names, " "); s != want {
				t.Errorf("%s: %s has %q, want %q", q, what, s, want)
			}
		}
	}
	for q, want := range map[string]struct {
		at, length int
		reason     string
	}{
		"miete topic:nothing,housing": {12, 7, "topic_unknown"},
		`tag:tax,"none"`:              {9, 4, "tag_unknown"},
		"folder:work/home":            {7, 9, "folder_unknown"},
		"-folder:zzz* miete":          {8, 4, "folder_unknown"},
	} {
		_, err := c.searcher.Search(t.Context(), c.actor, Request{Q: q})
		f := fault.From(err)
		if f == nil || f.Code() != fault.QueryInvalid || f.Fields()["position"] != want.at || f.Fields()["length"] != want.length || f.Fields()["reason"] != want.reason {
			t.Errorf("%s: %v %v", q, err, f.Fields())
		}
	}
	// Another user has no such topic, and none of the documents.
	ben, _ := c.user(t)
	if _, err := c.searcher.Search(t.Context(), ben, Request{Q: "topic:housing"}); fault.CodeOf(err) != fault.QueryInvalid {
		t.Errorf("another user's topic: %v", err)
	}
	for _, q := range []string{"size:>0", "miete size:>0", "-miete in:all", "date:1999..2030"} {
		if got := c.world.all(t, ben, q, 10); len(got) != 0 {
			t.Errorf("%s finds another user's documents", q)
		}
	}
}

// A query without words has the newest first, and a cursor of its own.
func TestFiltersAlone(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	var made []id.ID
	for i := range 7 {
		made = append(made, c.file(t, filed{paper: paper{text: "alpha"}, size: 10 * i, date: fmt.Sprintf("20%02d-01-01", 20-i), added: time.Unix(1.7e9+int64(i), 0)}))
	}
	slices.Reverse(made)
	if got := ids(c.world.all(t, c.actor, "size:>=0", 2)); !slices.Equal(got, made) {
		t.Errorf("%v, want the newest upload first: %v", got, made)
	}
	slices.Reverse(made)
	if got := ids(c.world.all(t, c.actor, "size:>=0 after:2000", 2)); !slices.Equal(got, made) {
		t.Errorf("%v, want the newest paper first: %v", got, made)
	}
	page, err := c.searcher.Search(t.Context(), c.actor, Request{Q: "size:>=0", Limit: 2})
	if err != nil || page.NextCursor == "" || len(page.Items[0].Highlights) != 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, q := range []string{"size:>=1", "alpha", "alpha size:>=0"} {
		if _, err := c.searcher.Search(t.Context(), c.actor, Request{Q: q, Cursor: page.NextCursor}); fault.CodeOf(err) != fault.CursorInvalid {
			t.Errorf("%s with the cursor of another query: %v", q, err)
		}
	}
	words, err := c.searcher.Search(t.Context(), c.actor, Request{Q: "alpha", Limit: 2})
	if err != nil || words.NextCursor == "" {
		t.Fatal(err)
	}
	for _, cursor := range []string{words.NextCursor, "e30", "!"} {
		if _, err := c.searcher.Search(t.Context(), c.actor, Request{Q: "size:>=0", Cursor: cursor}); fault.CodeOf(err) != fault.CursorInvalid {
			t.Errorf("cursor %s: %v", cursor, err)
		}
	}
}

// wish is a query of the property test with what it means.
type wish struct {
	text  string
	holds func(f filed) bool
	// one is of what a paper has only one: others beside it are alternatives.
	one string
}

var wishWords = []string{"alpha", "gamma", "delta", "kappa", "sigma", "omega"}

func someWord(r *mathrand.Rand) string { return wishWords[r.IntN(len(wishWords))] }

// wordWish asks for words, wherever they are or in one field.
func wordWish(r *mathrand.Rand) wish {
	word := someWord(r)
	names := func(f filed) []string {
		return strings.Fields(strings.ToLower(f.filename + " " + f.title + " " + f.correspondent))
	}
	switch r.IntN(6) {
	case 0:
		return wish{"from:" + word[:3], func(f filed) bool {
			return slices.ContainsFunc(strings.Fields(f.correspondent), func(w string) bool { return strings.HasPrefix(w, word[:3]) })
		}, "from"}
	case 1:
		return wish{`name:"` + word + `"`, func(f filed) bool { return slices.Contains(strings.Fields(f.filename+" "+f.title), word) }, ""}
	case 2:
		second := someWord(r)
		return wish{`"` + word + " " + second + `"`, func(f filed) bool {
			for _, text := range []string{f.text, f.filename, f.title, f.correspondent} {
				if strings.Contains(" "+text+" ", " "+word+" "+second+" ") {
					return true
				}
			}
			return false
		}, ""}
	case 3:
		return wish{word[:4] + "*", func(f filed) bool {
			return slices.ContainsFunc(names(f), func(w string) bool { return strings.HasPrefix(w, word[:4]) })
		}, ""}
	}
	return wish{`"` + word + `"`, func(f filed) bool {
		return slices.Contains(strings.Fields(f.text), word) || slices.Contains(names(f), word)
	}, ""}
}

// filterWish asks for something of the row.
func filterWish(r *mathrand.Rand) wish {
	n := r.IntN(3)
	year := 2020 + r.IntN(5)
	size := 100 * r.IntN(10)
	switch r.IntN(12) {
	case 0:
		return wish{fmt.Sprintf("topic:T%d", n), func(f filed) bool { return f.topic == fmt.Sprintf("t%d", n) }, "topic"}
	case 1:
		return wish{fmt.Sprintf("tag:t%d", n), func(f filed) bool { return slices.Contains(f.tags, fmt.Sprintf("t%d", n)) }, ""}
	case 2:
		return wish{fmt.Sprintf("tag:t%d,t0", n), func(f filed) bool {
			return slices.Contains(f.tags, fmt.Sprintf("t%d", n)) || slices.Contains(f.tags, "t0")
		}, ""}
	case 3:
		return wish{fmt.Sprintf("folder:f%d", n), func(f filed) bool { return slices.Contains(strings.Split(f.folder, "/"), fmt.Sprintf("f%d", n)) }, "folder"}
	case 4:
		return wish{"type:pdf", func(f filed) bool { return cmp.Or(f.sniffed, f.kind) == "application/pdf" }, "type"}
	case 5:
		return wish{"lang:de", func(f filed) bool { return f.language == "de" }, "lang"}
	case 6:
		return wish{"is:failed", func(f filed) bool { return f.status == "failed" }, "is"}
	case 7:
		return wish{"is:trashed", func(f filed) bool { return f.status == "trashed" }, "is"}
	case 8:
		return wish{fmt.Sprintf("year:%d", year), func(f filed) bool { return f.day()[:4] == fmt.Sprint(year) }, "day"}
	case 9:
		return wish{fmt.Sprintf("before:%d-06", year), func(f filed) bool { return f.day() < fmt.Sprintf("%d-06-01", year) }, ""}
	case 10:
		return wish{fmt.Sprintf("added:<=%d", year), func(f filed) bool { return f.added.UTC().Year() <= year }, ""}
	}
	return wish{fmt.Sprintf("size:>%d", size), func(f filed) bool { return f.size > size }, ""}
}

// tree combines wishes at random.
func tree(r *mathrand.Rand, depth int, leaf func(*mathrand.Rand) wish) wish {
	if depth == 0 || r.IntN(3) == 0 {
		return leaf(r)
	}
	switch r.IntN(4) {
	case 0:
		kid := tree(r, depth-1, leaf)
		return wish{"-(" + kid.text + ")", func(f filed) bool { return !kid.holds(f) }, ""}
	case 1:
		a, b := tree(r, depth-1, leaf), tree(r, depth-1, leaf)
		return wish{"(" + a.text + ") OR (" + b.text + ")", func(f filed) bool { return a.holds(f) || b.holds(f) }, ""}
	}
	return beside([]wish{leaf(r), leaf(r), nested(tree(r, depth-1, leaf))})
}

func nested(w wish) wish {
	if w.one == "" {
		w.text = "(" + w.text + ")"
	}
	return w
}

// beside is wishes without an operator.
func beside(all []wish) wish {
	var texts []string
	groups := map[string][]wish{}
	for i, w := range all {
		texts = append(texts, w.text)
		key := cmp.Or(w.one, fmt.Sprint(i))
		groups[key] = append(groups[key], w)
	}
	return wish{text: strings.Join(texts, " "), holds: func(f filed) bool {
		for _, group := range groups {
			if !slices.ContainsFunc(group, func(w wish) bool { return w.holds(f) }) {
				return false
			}
		}
		return true
	}}
}

// Random queries find what a few lines of Go say, by search and by the list,
// in every way that the database has to answer them.
func TestQueriesMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	c := newCabinet(t)
	seed := mathrand.Uint64()
	r := mathrand.New(mathrand.NewPCG(seed, 1))
	some := func(n int) string {
		var words []string
		for range n {
			words = append(words, someWord(r))
		}
		return strings.Join(words, " ")
	}
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	for i := range 300 {
		f := filed{
			paper: paper{filename: some(1), title: some(r.IntN(2)), correspondent: some(r.IntN(3)), text: some(r.IntN(5)), language: pick("", "de", "en")},
			topic: pick("", "t0", "t1", "t2"), folder: pick("", "f0", "f1", "f0/f2", "f1/f2/f0"), size: r.IntN(1000),
			kind: pick("application/pdf", "image/png"), sniffed: pick("", "application/pdf", "text/plain"), status: pick("ready", "ready", "failed", "trashed", "stored"),
			added: time.Date(2020+r.IntN(5), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), 0, i, 0, time.UTC),
		}
		if r.IntN(3) > 0 {
			f.date = fmt.Sprintf("%d-%02d-%02d", 2019+r.IntN(6), 1+r.IntN(12), 1+r.IntN(28))
		}
		for n := range 3 {
			if r.IntN(3) == 0 {
				f.tags = append(f.tags, fmt.Sprintf("t%d", n))
			}
		}
		c.file(t, f)
	}
	tried, found := 0, 0
	for tried < 200 {
		parts := []wish{nested(tree(r, 2, wordWish)), nested(tree(r, 2, filterWish))}
		q := beside(parts[r.IntN(2) : 1+r.IntN(2)+0])
		if r.IntN(2) == 0 || q.text == "" {
			q = beside(parts)
		}
		query, err := Parse("q", q.text)
		if fault.CodeOf(err) == fault.QueryInvalid {
			if reason := fault.From(err).Fields()["reason"]; reason != "only_not" {
				t.Fatalf("seed %d: %s: %v", seed, q.text, err)
			}
			continue
		}
		tried++
		inTrash := query.asksFor(query.filter, kindStatus, "trashed")
		var want []id.ID
		for document, f := range c.all {
			if (f.status != "trashed" || inTrash) && q.holds(f) {
				want = append(want, document)
			}
		}
		found += len(want)
		byID := func(a, b id.ID) int { return slices.Compare(a[:], b[:]) }
		slices.SortFunc(want, byID)
		few := *c.searcher
		few.fewMatches, few.fewPassing = []int{0, 30, 2000}[r.IntN(3)], []int{0, 30, 2000}[r.IntN(3)]
		c.searcher = &few
		for what, got := range map[string][]id.ID{
			"search": ids(c.world.all(t, c.actor, q.text, 10+r.IntN(MaxPage-10))), "list": c.listed(t, q.text, vault.Sorts()[r.IntN(len(vault.Sorts()))], 10+r.IntN(vault.MaxPage-10)),
		} {
			slices.SortFunc(got, byID)
			if !slices.Equal(got, want) {
				for document, f := range c.all {
					if n := len(slices.Collect(func(yield func(id.ID) bool) {
						for _, g := range got {
							if g == document && !yield(g) {
								return
							}
						}
					})); n != 1 && slices.Contains(want, document) || n > 0 && !slices.Contains(want, document) {
						t.Logf("%d times, should %v: %+v", n, slices.Contains(want, document), f)
					}
				}
				t.Fatalf("seed %d, few %d and %d: %s: %s has %d documents, want %d", seed, few.fewMatches, few.fewPassing, q.text, what, len(got), len(want))
			}
		}
	}
	if found < 500 {
		t.Errorf("seed %d: only %d documents were found in all: this test shows little", seed, found)
	}
}
