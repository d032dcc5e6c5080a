//go:build race

package pgserver

// raceEnabled: times are not held against a run under the race detector.
const raceEnabled = true
