package analysis

import "time"

// HoldAfter changes how long an attempt may take before its message is held.
func (a *Analyst) HoldAfter(d time.Duration) { a.quick = d }
