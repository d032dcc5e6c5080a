//go:build !race

package pgserver

const raceEnabled = false
