// Package readalerts is the function me-readalerts: the caller has seen alerts.
package readalerts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/account"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
)

// Function is POST /v1/me/alerts/read. It takes no Idempotency-Key: what is read
// stays as it was, so any number of times is once.
var Function = host.Function{Name: "me-readalerts", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-readalerts", Method: http.MethodPost, Path: "/v1/me/alerts/read",
	Summary: "Mark own alerts as read", Tags: []string{"me"},
	Description: "Marks one alert and all older ones. One that comes meanwhile stays unread. " +
		"An id that is no alert of the caller's marks nothing, and is answered alike.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 422},
}, New, auth.Required)}

// Input names the newest alert that was seen.
type Input struct {
	Body struct {
		UpTo id.ID `json:"up_to" format:"uuid" doc:"The newest alert that was seen."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	accounts, err := account.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, accounts.ReadAlerts(ctx, auth.Actor(ctx), in.Body.UpTo)
	}, nil
}
