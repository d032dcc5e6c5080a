// Package forgot is the function auth-forgot: a link to choose a new password.
package forgot

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/job"
	"docuvault/shared/queue"
)

// Function is POST /v1/auth/password/forgot. It answers and works the same,
// whether the address has an account or not.
var Function = host.Function{Name: "auth-forgot", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-forgot", Method: http.MethodPost, Path: "/v1/auth/password/forgot",
	Summary: "Ask for a link to choose a new password", Tags: []string{"auth"},
	Description: "202 whether the address has an account or not; the link works once, for 10 minutes, and at most one is sent in 5 minutes. " +
		"409 mail_unavailable where the vault sends no mail.",
	DefaultStatus: http.StatusAccepted,
	Errors:        []int{409, 422, 429},
}, New)}

// Input is whose password it is.
type Input struct {
	auth.AgentInput
	Body struct {
		Email string `json:"email" format:"email" maxLength:"254"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	resets, err := auth.OpenResets(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		message, err := resets.Ask(ctx, in.Body.Email, auth.OriginOf(ctx, in.UserAgent))
		if err != nil {
			return nil, err
		}
		// The mail is due by itself; the message only makes it sooner.
		if err := jobs.Send(ctx, job.Mail, queue.Message{Body: message.Encode()}); err != nil {
			env.Log.WarnContext(ctx, "a mail was not queued; the reconciler will do it", "error", err)
		}
		return nil, nil
	}, nil
}
