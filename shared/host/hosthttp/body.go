package hosthttp

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"docuvault/shared/fault"
)

// Body reads the body of a request in a middleware, and leaves it to be read
// once more by the operation. It reads no more than the operation takes, and
// the operation then refuses what is longer. It returns fault.ValidationFailed
// for a body that does not arrive.
func Body(ctx huma.Context) ([]byte, error) {
	r, _ := humago.Unwrap(ctx)
	if r.Body == nil {
		return nil, nil
	}
	read, err := io.ReadAll(io.LimitReader(r.Body, ctx.Operation().MaxBodyBytes+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.New(fault.ValidationFailed, "The request's body took too long to arrive.")
	case err != nil:
		return nil, fault.New(fault.ValidationFailed, "The request's body did not arrive.").Because(err)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), r.Body), r.Body}
	return read, nil
}
