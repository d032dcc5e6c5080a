package picture

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the encoder
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// libwebp is libwebp 1.4.0 as WebAssembly; libwebp/README.md says where it is
// from. It is not linked as a Go module, since the module's own code loads
// whatever libwebp the machine has.
//
//go:embed libwebp/webp.wasm.gz
var libwebp []byte

// What the encoder is asked for: lossy, since a photograph without loss is ten
// times as large; fast, since somebody waits for it.
const (
	quality = 75
	method  = 1
)

// encoderPages is how much memory one picture may use, in pages of 64 KiB. The
// largest takes 6.5 MiB of pixels and a few times that.
const encoderPages = 1024

type encoder struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

func newEncoder(cache wazero.CompilationCache) (*encoder, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(libwebp))
	if err != nil {
		return nil, err
	}
	code, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, err
	}
	if cache != nil {
		if e, err := compile(code, wazero.NewRuntimeConfig().WithCompilationCache(cache)); err == nil {
			return e, nil
		}
		// A miss that cannot write fails; it works as well without the cache.
	}
	return compile(code, wazero.NewRuntimeConfig())
}

func compile(code []byte, config wazero.RuntimeConfig) (*encoder, error) {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(encoderPages))
	_, err := wasi_snapshot_preview1.Instantiate(ctx, runtime)
	var compiled wazero.CompiledModule
	if err == nil {
		compiled, err = runtime.CompileModule(ctx, code)
	}
	if err != nil {
		return nil, errors.Join(err, runtime.Close(ctx))
	}
	return &encoder{runtime: runtime, compiled: compiled}, nil
}

func (e *encoder) close() error { return e.runtime.Close(context.Background()) }

// encode makes a WebP of opaque pixels, in an instance of its own without files,
// clock or network. How long it takes is bounded by their number.
func (e *encoder) encode(ctx context.Context, m *image.RGBA) (w WebP, err error) {
	if err := ctx.Err(); err != nil {
		return w, context.Cause(ctx)
	}
	w.Width, w.Height = m.Rect.Dx(), m.Rect.Dy()
	// An instance that was begun ends, whatever the caller does.
	ctx = context.WithoutCancel(ctx)
	instance, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return w, fmt.Errorf("starting the WebP encoder: %w", err)
	}
	defer func() { err = errors.Join(err, instance.Close(ctx)) }()
	memory := instance.Memory()
	pixels, err := call(ctx, instance, "malloc", uint64(len(m.Pix)))
	if err != nil {
		return w, err
	}
	length, err := call(ctx, instance, "malloc", 8)
	if err != nil {
		return w, err
	}
	if pixels == 0 || length == 0 || !memory.Write(pixels, m.Pix) || !memory.WriteUint64Le(length, 0) {
		return w, errors.New("the WebP encoder has no room")
	}
	at, err := call(ctx, instance, "encode", uint64(pixels), uint64(w.Width), uint64(w.Height), uint64(length), 0, quality, method, 0, 0)
	if err != nil {
		return w, err
	}
	n, ok := memory.ReadUint32Le(length)
	if !ok || at == 0 || n == 0 {
		return w, errors.New("the WebP encoder made nothing")
	}
	encoded, ok := memory.Read(at, n)
	if !ok {
		return w, errors.New("the WebP encoder answered with no memory of its own")
	}
	w.Bytes = bytes.Clone(encoded) // the memory ends with the instance
	return w, nil
}

// call calls an exported function that returns an address.
func call(ctx context.Context, instance api.Module, name string, args ...uint64) (uint32, error) {
	result, err := instance.ExportedFunction(name).Call(ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("WebP encoder, %s: %w", name, err)
	}
	return api.DecodeU32(result[0]), nil
}
