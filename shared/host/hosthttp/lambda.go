package hosthttp

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"docuvault/shared/host/hostserver"
	"docuvault/shared/telemetry"
)

// serveLambda takes requests from the Lambda Runtime API until the process
// ends.
func serveLambda(handler http.Handler, t *telemetry.Telemetry) {
	lambda.Start(telemetry.Flushing(t, lambdaHandler(handler)))
}

type eventKey struct{}

// lambdaHandler answers events of an API Gateway HTTP API or a function URL
// (payload version 2.0) with handler. What httpadapter gets wrong is put right
// here: request headers with commas arrive whole, a path that cannot be parsed
// is a client's fault, an answer that broke off is a 500, HEAD has no body.
func lambdaHandler(handler http.Handler) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	adapter := httpadapter.NewV2(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if event, ok := r.Context().Value(eventKey{}).(*events.APIGatewayV2HTTPRequest); ok {
			restoreHeaders(r, event)
		}
		handler.ServeHTTP(w, r)
	}))
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (answer events.APIGatewayV2HTTPResponse, err error) {
		defer func() {
			if p := recover(); p != nil { // http.ErrAbortHandler; the chain has logged why
				answer, err = plainProblem(http.StatusInternalServerError, "internal", "Something went wrong on our side. Try again."), nil
			}
		}()
		// The adapter would print the URL, with its query, to the log.
		if !parses(event) {
			return plainProblem(http.StatusUnprocessableEntity, "validation_failed", "The address is not valid."), nil
		}
		answer, err = adapter.ProxyWithContext(context.WithValue(ctx, eventKey{}, &event), event)
		if err != nil {
			return plainProblem(http.StatusUnprocessableEntity, "validation_failed", "The request is not valid."), nil
		}
		if event.RequestContext.HTTP.Method == http.MethodHead {
			answer.Body, answer.IsBase64Encoded = "", false
		}
		return answer, nil
	}
}

// restoreHeaders undoes the splitting of values at commas.
func restoreHeaders(r *http.Request, event *events.APIGatewayV2HTTPRequest) {
	for name, value := range event.Headers {
		if !strings.EqualFold(name, "Cookie") {
			r.Header.Set(name, value)
		}
	}
	r.Header.Del("Host") // r.Host has it
	if host := event.Headers["host"]; host != "" && r.Host == "" {
		r.Host = host
	}
}

func parses(event events.APIGatewayV2HTTPRequest) bool {
	target := event.RawPath
	if target == "" {
		target = event.RequestContext.HTTP.Path
	}
	_, err := url.Parse("https://" + event.RequestContext.DomainName + "/" + strings.TrimPrefix(target, "/") + "?" + event.RawQueryString)
	return err == nil && event.RequestContext.HTTP.Method != ""
}

// plainProblem is a problem for what fails before the chain.
func plainProblem(status int, code, detail string) events.APIGatewayV2HTTPResponse {
	body, _ := encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": detail})
	h := http.Header{"Content-Type": {"application/problem+json"}, "Strict-Transport-Security": {hsts}}
	hostserver.Harden(h)
	headers := make(map[string]string, len(h))
	for name := range h {
		headers[name] = h.Get(name)
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers:    headers,
		Body:       string(body),
		Cookies:    []string{},
	}
}
