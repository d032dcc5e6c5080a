//go:build !linux

package main

import (
	"errors"
	"time"
)

// Times and memory of another process are read from Linux's /proc.

func cpuOf(*child) time.Duration { return 0 }

func memoryOf(*child) (int64, error) {
	return 0, &notRun{errors.New("the memory of another process is read on Linux only")}
}

func ownCPU() time.Duration { return 0 }

func loadAverage() string { return "" }

func processor() string { return "" }
