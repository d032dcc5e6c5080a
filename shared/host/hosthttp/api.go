package hosthttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Title and Version are the info of openapi.yaml.
const (
	Title   = "DocuVault"
	Version = "1"
)

// huma keeps these in package variables. They are set once, here, before any
// API exists, so that nothing races.
func init() {
	huma.NewError = newError
	huma.NewErrorWithContext = newErrorWithContext
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
	// Parsers' errors quote what they could not parse.
	huma.ErrorFormatter = func(format string, args ...any) string {
		if n := len(args); n > 0 {
			if _, ok := args[n-1].(error); ok {
				format, args = strings.TrimSuffix(format, ": %v"), args[:n-1]
			}
		}
		return fmt.Sprintf(format, args...)
	}
}

// namedAPI is a huma.API whose schema namer knows the current operation.
type namedAPI struct {
	huma.API
	namer *namer
}

// NewAPI builds every huma API of the system on a mux: JSON only, schema names
// with their package, no $schema member, no documentation, schema or openapi
// routes, errors as [Problem], unknown members and query parameters refused,
// arrays and maps never null.
func NewAPI(mux *http.ServeMux) huma.API {
	names := &namer{}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       Title,
				Version:     Version,
				Description: description,
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/", Description: "The page and the API share one origin."}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", names.name),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					AccessToken: {
						Type: "http", Scheme: "bearer", BearerFormat: "JWT",
						Description: "The access token that register, login or refresh answered.",
					},
					APIToken: {
						Type: "http", Scheme: "bearer", BearerFormat: "dvt_",
						Description: "An API token of POST /v1/me/tokens, with one of the scopes that the operation names. Operations that name none take no API token.",
					},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{finish},
	}
	return &namedAPI{API: humago.New(mux, config), namer: names}
}

// Config lets huma find the configuration of the API that is embedded.
func (a *namedAPI) Config() huma.Config {
	return a.API.(interface{ Config() huma.Config }).Config()
}

// encoded is a body that finish has encoded already.
type encoded []byte

// finish is the last step before an answer is written: a problem gets its
// request id and headers, nil arrays and maps become empty ones, and the body
// is encoded while the status can still become 500.
func finish(ctx huma.Context, status string, body any) (any, error) {
	if problem, ok := body.(*Problem); ok {
		problem.finish(ctx)
	}
	if code, err := strconv.Atoi(status); err == nil && bodyless(code) {
		return body, nil
	}
	out, err := encode(body)
	if err != nil {
		// A type that cannot be encoded is a programmer error; nothing is
		// written yet, so the chain answers 500.
		panic(fmt.Errorf("encode the answer of %s: %w", ctx.Operation().OperationID, err))
	}
	return encoded(out), nil
}

func encode(body any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(withoutNulls(body)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		out, ok := v.(encoded)
		if !ok {
			var err error
			if out, err = encode(v); err != nil {
				return err
			}
		}
		_, err := w.Write(out)
		return err
	},
	Unmarshal: func(data []byte, v any) error {
		if err := json.Unmarshal(data, v); err != nil {
			return plainJSONError(err)
		}
		return nil
	},
}

// plainJSONError says where JSON is wrong without quoting it, and without the
// names of Go types.
func plainJSONError(err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	case errors.As(err, &typ):
		return fmt.Errorf("a value of the wrong type at byte %d", typ.Offset)
	default:
		return errors.New("a value that does not have the expected form")
	}
}
