package main

import (
	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/host/hostschedule"
)

type runCmd struct {
	Name string `arg:"" name:"function" help:"Name of the function, as \"docuvault functions\" lists it."`
}

// Help is the long text of run --help.
func (runCmd) Help() string {
	return `An HTTP function listens on $PORT (8080) until SIGTERM; a queue function consumes its queue until then; a schedule runs once and ends. All of its configuration is in the environment.

Each function also has a program of its own, which holds nothing of the others: functions/AREA/VERB/bootstrap.`
}

// Run does what the main of the function's own program does, and ends the
// process with exit code 1 on an error, as that would.
func (c *runCmd) Run() error {
	fn, err := functionNamed(c.Name)
	if err != nil {
		return err
	}
	switch fn.Trigger.(type) {
	case *hosthttp.Route:
		hosthttp.Serve(fn)
	case *hostqueue.Consumer:
		hostqueue.Serve(fn)
	case *hostschedule.Job:
		hostschedule.Serve(fn)
	}
	return nil
}

func functionNamed(name string) (host.Function, error) {
	for _, fn := range functions.All {
		if fn.Name == name {
			return fn, nil
		}
	}
	return host.Function{}, usage("there is no function %q: \"docuvault functions\" lists all", name)
}
