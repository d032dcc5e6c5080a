package search

import (
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"docuvault/shared/database"
)

// BenchmarkScale measures the first page of a search, whole: the database, the
// results' texts opened, the highlights. For each kind of query it reports the
// median and the 99th percentile in milliseconds at 1,000 and at 100,000
// documents of one user, and their ratios:
//
//	go test ./shared/search -run '^$' -bench Scale -benchtime 300x
func BenchmarkScale(b *testing.B) {
	w, small, large := scale(b, 100)
	actors := []database.Actor{small, large}
	all := make([][]time.Duration, 2)
	measure := func(b *testing.B, each func(actor database.Actor, random *mathrand.Rand)) {
		var took [2][]time.Duration
		for n := range actors {
			random := mathrand.New(mathrand.NewPCG(3, 4))
			for range 10 { // keys, plans and pages are there
				each(actors[n], random)
			}
		}
		for b.Loop() {
			seed := mathrand.Uint64()
			for n := range actors {
				random := mathrand.New(mathrand.NewPCG(seed, 4))
				begun := time.Now()
				each(actors[n], random)
				took[n] = append(took[n], time.Since(begun))
			}
		}
		for n := range took {
			all[n] = append(all[n], took[n]...)
		}
		report(b, took[0], took[1])
	}
	for _, kind := range scaleKinds {
		b.Run(kind, func(b *testing.B) {
			measure(b, func(actor database.Actor, random *mathrand.Rand) {
				if _, err := w.searcher.Search(b.Context(), actor, Request{Q: scaleQuery(random, kind)}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("all of them", func(b *testing.B) {
		for b.Loop() {
		}
		if len(all[0]) > 0 {
			report(b, all[0], all[1])
		}
	})
}

func report(b *testing.B, small, large []time.Duration) {
	p := func(took []time.Duration, share float64) float64 {
		slices.Sort(took)
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p(small, 0.5), "p50-1k-ms")
	b.ReportMetric(p(large, 0.5), "p50-100k-ms")
	b.ReportMetric(p(small, 0.99), "p99-1k-ms")
	b.ReportMetric(p(large, 0.99), "p99-100k-ms")
	b.ReportMetric(p(large, 0.5)/p(small, 0.5), "p50-ratio")
	b.ReportMetric(p(large, 0.99)/p(small, 0.99), "p99-ratio")
}
