// Package register is the function auth-register: a new account and its first session.
package register

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/register. Nobody can ask for a role: there is no
// member for it.
var Function = host.Function{Name: "auth-register", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-register", Method: http.MethodPost, Path: "/v1/auth/register",
	Summary: "Register", Tags: []string{"auth"},
	Description: "Makes an account and signs in. The refresh token comes as a cookie that no script can read. " +
		"403 registration_closed or invite_invalid where REGISTRATION is not open; 409 email_taken. " +
		"Where EMAIL_VERIFICATION is required: 202 without tokens, for a taken address as well; all else is in a mail to the address.",
	DefaultStatus: http.StatusCreated,
	Responses:     map[string]*huma.Response{"202": {Description: "Accepted: a mail is on its way to the address"}},
	Errors:        []int{403, 409, 422, 429},
}, New)}

// Input is the new account.
type Input struct {
	auth.AgentInput
	Body struct {
		Email       string      `json:"email" format:"email" maxLength:"254"`
		Password    secret.Text `json:"password" format:"password" writeOnly:"true" minLength:"8" maxLength:"128" doc:"Any characters; length is what counts."`
		DisplayName string      `json:"display_name,omitempty" maxLength:"100"`
		Invite      secret.Text `json:"invite,omitempty" writeOnly:"true" maxLength:"200"`
	}
}

// Output is a session, or the word that there is a mail.
type Output struct {
	Status    int
	SetCookie []http.Cookie `header:"Set-Cookie" doc:"The refresh token, HttpOnly and SameSite=Strict; and that this device is known."`
	Body      Body
}

// Body is a grant, or the empty object.
type Body struct{ grant *auth.Grant }

// MarshalJSON writes it.
func (b Body) MarshalJSON() ([]byte, error) {
	if b.grant == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(b.grant)
}

// Schema is that of a grant: the answer 201.
func (Body) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[auth.Grant](), true, "Grant")
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	sessions, err := auth.OpenSessions(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		made, err := sessions.Register(ctx, auth.Registration{
			Email: in.Body.Email, DisplayName: in.Body.DisplayName, Password: in.Body.Password, Invite: in.Body.Invite,
		}, auth.OriginOf(ctx, in.UserAgent))
		if err != nil {
			return nil, err
		}
		if !made.Pending() {
			answer := made.Answer(ctx)
			return &Output{Status: http.StatusCreated, SetCookie: answer.SetCookie, Body: Body{&answer.Body}}, nil
		}
		// The mail is due by itself; the message only makes it sooner.
		if err := jobs.Send(ctx, job.Mail, queue.Message{Body: made.Letter.Encode()}); err != nil {
			env.Log.WarnContext(ctx, "a mail was not queued; the reconciler will do it", "error", err)
		}
		return &Output{Status: http.StatusAccepted}, nil
	}, nil
}
