// Package host says what a function of the system is, and what it is given.
//
// A function is a library: a folder with a constructor and a value of type
// [Function]. The packages hosthttp, hostqueue and hostschedule below this one
// each run one kind of function in its homes: AWS Lambda, a container on
// $PORT, or all of them in one process. Initialisation ends before traffic:
// constructors read and check configuration and build clients; only connecting
// is lazy.
package host

// Function describes one function of the system: one folder, one package, one
// binary.
type Function struct {
	// Name is the folder with a hyphen: "uploads-begin" lives in
	// functions/uploads/begin. It names the function in template.yaml, in logs
	// and in metrics.
	Name string
	// Trigger is what starts it: a *hosthttp.Route, a *hostqueue.Consumer or a
	// *hostschedule.Job.
	Trigger Trigger
}

// Trigger is what starts a function.
type Trigger interface {
	// Kind is "http", "queue" or "schedule".
	Kind() string
	// Source is the route ("POST /v1/uploads"), the queue's name or the
	// schedule ("rate(1 minute)").
	Source() string
}
