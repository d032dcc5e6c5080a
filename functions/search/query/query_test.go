package query_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

type page struct {
	Items []struct {
		Document   vaulttest.Document `json:"document"`
		Highlights []struct {
			Field    string `json:"field"`
			Segments []struct {
				Text  string   `json:"text"`
				Words []string `json:"words"`
			} `json:"segments"`
		} `json:"highlights"`
		Rank float64 `json:"rank"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func search(t *testing.T, u *vaulttest.User, q string) page {
	t.Helper()
	var p page
	u.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": q}).JSON(t, http.StatusOK, &p)
	return p
}

// finds reports whether exactly this document is found, by search and by list.
func finds(t *testing.T, u *vaulttest.User, q string, document id.ID, want bool) {
	t.Helper()
	var list struct{ Items []vaulttest.Document }
	u.Call(t, http.MethodGet, "/v1/documents?q="+url.QueryEscape(q), nil).JSON(t, http.StatusOK, &list)
	found := search(t, u, q).Items
	if got := len(found) == 1 && found[0].Document.ID == document; got != want || len(found) > 1 {
		t.Errorf("search for %q finds %d documents, this one: %v", q, len(found), got)
	}
	if got := len(list.Items) == 1 && list.Items[0].ID == document; got != want {
		t.Errorf("the list with q %q has %d documents, this one: %v", q, len(list.Items), got)
	}
}

var paper = []byte("Sehr geehrte Damen und Herren,\n\nIhre Haftpflichtversicherung mit der Nummer 2024-0815 wird zum 3. März 2024 verlängert. " +
	"Bitte überweisen Sie den Beitrag von 1.234,56 EUR auf das Konto DE89 3704 0044 0532 0130 00, damit wir Sie weiter versichern.\n")

func TestSearchFollowsADocument(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := w.User(t), w.User(t)

	d := anna.Store(t, "Stadtwerke_Brief.txt", "text/plain", paper)
	finds(t, anna, "stadt", d.ID, true) // by name before it is read
	finds(t, anna, "Versicherung", d.ID, false)
	if err := w.Deliver(t, "analyze", anna.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"stadt", "Versicherung", "0815", "1234,56", "2024-03-03", "DE89370400440532013000", `"Damen und Herren" -Zinsen`, "haftpflicht beitrag brief"} {
		finds(t, anna, q, d.ID, true)
		finds(t, ben, q, d.ID, false)
	}
	anna.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"filename": "Police.txt", "title": "Sonnenschein", "topic": "insurance"}).JSON(t, http.StatusOK, &d)
	finds(t, anna, "stadtwerke", d.ID, false)
	finds(t, anna, "police sonnenschein beitrag", d.ID, true)
	anna.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"title": nil}).JSON(t, http.StatusOK, &d)
	finds(t, anna, "sonnenschein", d.ID, false)
	finds(t, anna, "police", d.ID, true)

	anna.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	if err := w.Deliver(t, "analyze", anna.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	finds(t, anna, "police haftpflicht", d.ID, true)

	anna.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	finds(t, anna, "Versicherung", d.ID, false)
	anna.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/restore", nil).JSON(t, http.StatusOK, nil)
	finds(t, anna, "Versicherung", d.ID, true)
	anna.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	finds(t, anna, "Versicherung", d.ID, false)
}

// What a person writes about a document finds it at once, from the upload on.
func TestSearchFollowsWhatAPersonWrites(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	body := vaulttest.Announce("Brief.txt", "text/plain", paper)
	body["tags"] = []string{"Eichhorn"}
	body["correspondent"] = "Stadtwerke"
	var begun vaulttest.Begun
	anna.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &begun)
	w.DB.Exec(t, `UPDATE documents SET status = 'stored' WHERE id = $1`, begun.Document.ID.String())
	document := begun.Document.ID
	finds(t, anna, "eichh stadtwerke", document, false) // the last word only is a beginning
	finds(t, anna, "stadtwerke eichh", document, true)
	patch := func(changes map[string]any) {
		t.Helper()
		anna.Call(t, http.MethodPatch, "/v1/documents/"+document.String(), changes).JSON(t, http.StatusOK, nil)
	}
	patch(map[string]any{"notes": "Liegt im blauen Ordner", "reference": "AZ-4711/08", "topic": "Gorillas", "tags": []string{"Habicht", "Iltisse"}})
	for q, want := range map[string]bool{
		"gorilla": true, "goril": true, "4711": true, "AZ-4711/08": true, "ordner": true, `"liegt im"`: true, "habicht iltisse brief": true,
		"eichhorn": false, `"habicht iltisse"`: false,
	} {
		finds(t, anna, q, document, want)
	}
	patch(map[string]any{"topic": nil, "tags": []string{}, "notes": nil, "reference": nil})
	for _, q := range []string{"gorilla", "4711", "ordner", "habicht"} {
		finds(t, anna, q, document, false)
	}
	finds(t, anna, "brief stadtwerke", document, true)
}

// The topic that the analysis sets finds a document, and no longer when a person
// has set another one.
func TestSearchByTheTopicOfTheAnalysis(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	d := anna.Analyzed(t, "a.txt", "text/plain", paper)
	if d.Topic == "" || d.TopicSource != "local" {
		t.Fatalf("topic %q by %q: this paper shows nothing", d.Topic, d.TopicSource)
	}
	finds(t, anna, d.Topic, d.ID, true)
	anna.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"topic": "Gorillas"}).JSON(t, http.StatusOK, nil)
	finds(t, anna, d.Topic, d.ID, false)
	anna.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	if err := w.Deliver(t, "analyze", anna.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	finds(t, anna, d.Topic, d.ID, false)
	finds(t, anna, "gorillas", d.ID, true)
}

// Neither what is looked for nor what is found is in the log or the database.
func TestQueryLeavesNoTrace(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	d := anna.Analyzed(t, "Zwiebelfisch.txt", "text/plain", paper)
	finds(t, anna, "zwiebelfisch", d.ID, true)
	finds(t, anna, "quastenflosser", d.ID, false)
	anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": `quastenflosser "`}).Problem(t, "query_invalid")
	for _, q := range []string{"topic:quastenflosser", "from:quastenflosser", `folder:"quastenflosser/wiebelfisch"`, "tag:quastenfl*", "type:quastenflosser", "quastenflosser topc:x"} {
		anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": q})
		anna.Call(t, http.MethodGet, "/v1/documents?q="+url.QueryEscape(q), nil)
	}
	anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": "quastenflosser", "cursor": "quastenflosser"}).Problem(t, "cursor_invalid")
	dump := string(w.DB.Dump(t))
	for _, word := range []string{"wiebelfisch", "uastenflosser", "aftpflicht"} {
		if strings.Contains(w.Log.String(), word) {
			t.Errorf("the log holds %q", word)
		}
		if strings.Contains(dump, word) {
			t.Errorf("the database holds %q", word)
		}
	}
	if !strings.Contains(w.Log.String(), "/v1/search") {
		t.Error("the log holds no request: this test cannot see")
	}
}

func TestWrongQueriesSayWhere(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	for q, position := range map[string]float64{`a "b`: 2, "a (b": 2, "-a": 0, "a OR": 2, "a )": 2, "a topic:none": 8, "a date:2024-13": 7, "topc:a": 0} {
		for location, answer := range map[string]interface {
			JSON(testing.TB, int, any)
		}{
			"body.q":  anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": q}),
			"query.q": anna.Call(t, http.MethodGet, "/v1/documents?q="+url.QueryEscape(q), nil),
		} {
			var problem struct {
				Code     string
				Reason   string
				Position float64
				Length   int
				Errors   []struct{ Location, Message string }
			}
			answer.JSON(t, http.StatusUnprocessableEntity, &problem)
			if problem.Code != "query_invalid" || problem.Reason == "" || problem.Length < 1 || problem.Position != position || len(problem.Errors) != 1 || problem.Errors[0].Location != location {
				t.Errorf("%q: %+v", q, problem)
			}
		}
	}
	anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": strings.Repeat("a", 501)}).Problem(t, "validation_failed")
	anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": "a", "limit": 51}).Problem(t, "validation_failed")
}

// The filters of q go together with those of the list.
func TestFiltersBesideThoseOfTheList(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	a := anna.Store(t, "a.txt", "text/plain", []byte("alpha"))
	b := anna.Store(t, "b.txt", "text/plain", []byte("alpha beta"))
	anna.Call(t, http.MethodPatch, "/v1/documents/"+a.ID.String(), map[string]any{"topic": "Gorillas", "tags": []string{"x"}}).JSON(t, http.StatusOK, nil)
	anna.Call(t, http.MethodPatch, "/v1/documents/"+b.ID.String(), map[string]any{"topic": "gorillas", "document_date": "2020-02-29"}).JSON(t, http.StatusOK, nil)
	anna.Call(t, http.MethodDelete, "/v1/documents/"+b.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	for query, want := range map[string][]id.ID{
		"q=topic:gorillas":                                    {a.ID},
		"q=topic:gorillas&tag=x":                              {a.ID},
		"q=topic:gorillas&tag=y":                              {},
		"q=topic:gorillas&status=trashed":                     {b.ID},
		"q=in:trash+date:2020-02":                             {b.ID},
		"q=in:trash+topic:gorillas&status=ready":              {},
		"q=in:all+size:%3C8&sort=size":                        {a.ID},
		"q=in:all+b.txt":                                      {b.ID},
		"q=in:all+size:%3C=10&sort=size":                      {a.ID, b.ID},
		"q=in:all+size:%3C=10+-tag:x&sort=-size":              {b.ID},
		"q=in:all+name:a+-beta&sort=name":                     {a.ID},
		"q=in:all+topic:gorillas&sort=name":                   {a.ID, b.ID},
		"q=in:all+topic:gorillas+type:pdf,text":               {b.ID, a.ID},
		"q=topic:gorillas+OR+in:trash&sort=-size":             {b.ID, a.ID},
		"q=topic:gorillas&unfiled=true&status=trashed,stored": {b.ID, a.ID},
	} {
		var list struct{ Items []vaulttest.Document }
		anna.Call(t, http.MethodGet, "/v1/documents?"+query, nil).JSON(t, http.StatusOK, &list)
		got := []id.ID{}
		for _, d := range list.Items {
			got = append(got, d.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}
