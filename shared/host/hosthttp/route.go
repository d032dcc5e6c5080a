// Package hosthttp runs HTTP functions: on AWS Lambda, in a container on $PORT,
// or many of them on one mux.
//
// It owns what all HTTP functions have in common: how an operation is declared
// ([Operation]), the one huma configuration ([NewAPI]), the chain around every
// request ([Handler]: request id, log line, panics, deadline, headers, cross
// origin), the client's network address and our own address ([Edge]), and the
// one form of errors ([Problem]).
//
// It promises: constructors have run before the first request; authentication
// comes before validation; every error is application/problem+json with a
// stable code; no submitted value is echoed; no cause reaches a client; a panic
// costs one request, not the process; arrays and maps are never null.
package hosthttp

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/fault"
	"docuvault/shared/host"
)

// Middleware runs before the request is validated. It calls next, or answers
// with [Refuse].
type Middleware = func(ctx huma.Context, next func(huma.Context))

// Guard builds a middleware that lets only authenticated requests pass. An
// operation with a guard is marked with the security scheme "bearer" in
// openapi.yaml, unless it names its own.
type Guard func(env *host.Env) (Middleware, error)

// The security schemes of openapi.yaml. An API token has scopes.
const (
	AccessToken = "bearer"
	APIToken    = "token"
)

// maxBodyBytes is the limit of a request body, unless the operation sets its
// own; a body of exactly this size is refused already.
const maxBodyBytes = 1 << 20

// Route is the trigger of an HTTP function.
type Route struct {
	op      huma.Operation
	declare func(api huma.API, op huma.Operation)
	mount   func(env *host.Env, api huma.API, op huma.Operation) error
	guards  []Guard
	types   []reflect.Type // input and output
}

// Operation makes the route of a function. The operation names OperationID,
// Method, Path and Summary; a missing one is a programmer error and panics.
// The handler returns faults as errors; any other error is answered as
// "internal" with its cause in the log only.
func Operation[I, O any](op huma.Operation, construct func(*host.Env) (func(context.Context, *I) (*O, error), error), guards ...Guard) *Route {
	if op.OperationID == "" || op.Method == "" || op.Path == "" || op.Summary == "" {
		panic(fmt.Sprintf("hosthttp: operation %q %s %s lacks an id, method, path or summary", op.OperationID, op.Method, op.Path))
	}
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBodyBytes
	}
	// The chain limits how long bodies take, also those that no operation reads.
	op.BodyReadTimeout = -1
	if len(guards) > 0 && op.Security == nil {
		op.Security = []map[string][]string{{AccessToken: {}}}
	}
	return &Route{
		op:     op,
		guards: guards,
		types:  []reflect.Type{reflect.TypeFor[I](), reflect.TypeFor[O]()},
		declare: func(api huma.API, op huma.Operation) {
			huma.Register(api, op, func(context.Context, *I) (*O, error) {
				return nil, fault.New(fault.Unavailable, "This operation is declared here, not served.")
			})
		},
		mount: func(env *host.Env, api huma.API, op huma.Operation) error {
			handle, err := construct(env)
			if err != nil {
				return err
			}
			huma.Register(api, op, handle)
			return nil
		},
	}
}

// Kind is "http".
func (r *Route) Kind() string { return "http" }

// Source is the method and the path: "POST /v1/uploads".
func (r *Route) Source() string { return r.op.Method + " " + r.op.Path }

// Method is the HTTP method in upper case.
func (r *Route) Method() string { return r.op.Method }

// Path is the path with its parameters: "/v1/documents/{id}".
func (r *Route) Path() string { return r.op.Path }

// OperationID names the operation in openapi.yaml.
func (r *Route) OperationID() string { return r.op.OperationID }

// Guarded reports whether authentication comes before the handler.
func (r *Route) Guarded() bool { return len(r.guards) > 0 }

// Declare registers the operation for openapi.yaml without constructing it: no
// configuration is read.
func (r *Route) Declare(api huma.API) { r.declare(api, r.copyOf(api)) }

// Mount constructs the function and registers its operation. Constructors of
// guards run first.
func (r *Route) Mount(env *host.Env, api huma.API) error {
	op := r.copyOf(api)
	var before huma.Middlewares
	for _, guard := range r.guards {
		middleware, err := guard(env)
		if err != nil {
			return err
		}
		before = append(before, middleware)
	}
	op.Middlewares = append(before, op.Middlewares...)
	return r.mount(env, api, op)
}

// copyOf returns a copy of the operation that registering may change, and tells
// the schema namer of api which operation's anonymous types come next.
func (r *Route) copyOf(api huma.API) huma.Operation {
	op := r.op
	op.Errors = slices.Clone(op.Errors)
	op.Middlewares = slices.Clone(op.Middlewares)
	op.Parameters = slices.Clone(op.Parameters)
	op.Responses = cloneResponses(op.Responses)
	if op.RequestBody != nil {
		body := *op.RequestBody
		op.RequestBody = &body
	}
	if named, ok := api.(*namedAPI); ok {
		named.namer.operation = op.OperationID
		for _, t := range r.types {
			describeIDs(api.OpenAPI().Components.Schemas, t, map[reflect.Type]bool{})
		}
	}
	return op
}

func cloneResponses(in map[string]*huma.Response) map[string]*huma.Response {
	if in == nil {
		return nil
	}
	out := make(map[string]*huma.Response, len(in))
	for status, response := range in {
		copied := *response
		out[status] = &copied
	}
	return out
}

// routeOf returns the route of a function, or an error that names the function.
func routeOf(fn host.Function) (*Route, error) {
	route, ok := fn.Trigger.(*Route)
	if !ok {
		return nil, fmt.Errorf("function %s is no HTTP function: its trigger is %T", fn.Name, fn.Trigger)
	}
	return route, nil
}

// mountAll mounts HTTP functions on api.
func mountAll(env *host.Env, api huma.API, fns []host.Function) error {
	for _, fn := range fns {
		route, err := routeOf(fn)
		if err != nil {
			return err
		}
		if err := route.Mount(env, api); err != nil {
			return fmt.Errorf("function %s: %w", fn.Name, err)
		}
	}
	return nil
}

// bodyless reports whether an answer with this status has no body (RFC 9110
// section 6.4.1).
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified || status < 200
}
