// Package create is the function topics-create: a new topic.
package create

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/idempotency"
	"docuvault/shared/topic"
)

// Function is POST /v1/topics. A name that is there already is 409 name_taken.
var Function = host.Function{Name: "topics-create", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "topics-create", Method: http.MethodPost, Path: "/v1/topics",
	Summary: "Make a topic", Tags: []string{"topics"},
	Description:   "Needs a name. The analysis suggests it from then on, better with each document that you give it to.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 403, 409, 422},
	Security:      auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(topic.Open, (*topic.Topics).Get, idempotency.Made[Input], answer), auth.Required)}

// Input is the topic to make.
type Input struct {
	Body topic.Changes
}

// Output is the topic.
type Output struct {
	ETag string `header:"ETag" doc:"The topic's version; send it as If-Match."`
	Body topic.Topic
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	topics, err := topic.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		t, err := topics.Create(ctx, auth.Actor(ctx), in.Body)
		if err != nil {
			return nil, err
		}
		return answer(t), nil
	}, nil
}

func answer(now topic.Topic) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
