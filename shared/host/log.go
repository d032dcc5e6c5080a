package host

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
)

type loggerKey struct{}

// WithLogger returns a context that carries the logger of one request, message
// or run, with its ids as fields.
func WithLogger(ctx context.Context, log *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, log)
}

// Logger returns the logger of the request, message or run that ctx belongs
// to. Outside of one it discards: code that runs at start has [Env.Log].
func Logger(ctx context.Context) *slog.Logger {
	if log, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return log
	}
	return slog.New(slog.DiscardHandler)
}

// PanicText is what a log may say of a recovered panic: the text of a run-time
// error, else only the value's type, since a parser's panic may quote the
// document it read. The stack says where it was.
func PanicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", p)
}
