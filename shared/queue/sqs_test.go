package queue_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/queue"
	"docuvault/shared/queue/queuetest"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// quickSQS are the test's times.
var quickSQS = queuetest.QuickSQS

func openSQS(t testing.TB, address string, opts queue.Options) *queue.SQS {
	t.Helper()
	q, err := queue.NewSQS(queuetest.SQSConfig(address), opts)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func ensure(t testing.TB, q *queue.SQS, names ...string) {
	t.Helper()
	if err := q.EnsureQueues(context.Background(), names...); err != nil {
		t.Fatal(err)
	}
}

func TestSQSConforms(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, queuetest.SQS(servers.SQS(t).URL))
}

func TestBodiesTravelAsTextOrEncoded(t *testing.T) {
	t.Parallel()
	for _, plain := range []string{"{}", `{"Records":[]}`, " \n\t\r", "é 日本 \u0080 \U0001f600", "base64", "BASE64:"} {
		if got := queue.ToSQS([]byte(plain)); got != plain {
			t.Errorf("%q travels as %q", plain, got)
		}
	}
	for _, body := range []string{"", "\x00", "\xff", "\v", "\ufffe", "base64:", "base64:AA=="} {
		text := queue.ToSQS([]byte(body))
		if !strings.HasPrefix(text, "base64:") || text == body {
			t.Errorf("%q travels as %q", body, text)
		}
		if got := queue.FromSQS(text); string(got) != body {
			t.Errorf("%q came as %q", body, got)
		}
	}
	for _, other := range []string{"base64:?", "base64:A", "base64:AB=="} {
		if got := queue.FromSQS(other); string(got) != other {
			t.Errorf("%q, which is not ours, came as %q", other, got)
		}
	}
}

func TestMissingQueueIsNamed(t *testing.T) {
	t.Parallel()
	q := openSQS(t, servers.SQS(t).URL, quickSQS)
	ctx := context.Background()
	_, deadErr := q.Dead(ctx, "nowhere", 1)
	_, redriveErr := q.Redrive(ctx, "nowhere")
	for call, err := range map[string]error{
		"Send":    q.Send(ctx, "nowhere", queue.Message{}),
		"Consume": q.Consume(ctx, "nowhere", func(context.Context, queue.Message) error { return nil }),
		"Dead":    deadErr,
		"Redrive": redriveErr,
	} {
		if !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "test_nowhere") {
			t.Errorf("%s = %v, want ErrUnavailable and test_nowhere", call, err)
		}
	}
	if err := q.Send(ctx, strings.Repeat("a", 64), queue.Message{}); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("a long name: %v", err)
	}
	long, err := queue.NewSQS(queue.SQSConfig{Endpoint: "http://127.0.0.1:1", Prefix: strings.Repeat("p", 20)}, quickSQS)
	if err != nil {
		t.Fatal(err)
	}
	if err := long.Send(ctx, strings.Repeat("a", 64), queue.Message{}); !errors.Is(err, queue.ErrName) || !strings.Contains(err.Error(), "SQS_QUEUE_PREFIX") {
		t.Errorf("a name too long with its prefix: %v", err)
	}
}

func TestUnreachableSQS(t *testing.T) {
	t.Parallel()
	q := openSQS(t, "http://127.0.0.1:1", quickSQS)
	ctx := context.Background()
	for call, err := range map[string]error{
		"Send":    q.Send(ctx, "any", queue.Message{}),
		"Consume": q.Consume(ctx, "any", func(context.Context, queue.Message) error { return nil }),
	} {
		if !errors.Is(err, queue.ErrUnavailable) {
			t.Errorf("%s = %v, want ErrUnavailable", call, err)
		}
	}
}

// between is a proxy before the real server that a test makes fail. As AWS may,
// it goes on with a call that its client has given up, so that a message that
// such a call brings is held and nobody has it.
func between(t testing.TB, address string, fail func(w http.ResponseWriter, r *http.Request) bool, answered ...func(r *http.Request)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fail(w, r) {
			// One that can end: else the proxy looks at the connection.
			ctx, end := context.WithCancel(context.WithoutCancel(r.Context()))
			defer end()
			proxy.ServeHTTP(w, r.WithContext(ctx))
			for _, f := range answered {
				f(r)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// read reads a request's body and leaves it for the proxy.
func read(t testing.TB, r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

func answer(w http.ResponseWriter, status int, body string) bool {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
	return true
}

func action(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
}

// Of a batch that fails in part, and of one that is throttled, what failed is
// sent again; what cannot be sent is said.
func TestPartOfABatchIsSentAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	real := servers.SQS(t).URL
	address := between(t, real, func(w http.ResponseWriter, r *http.Request) bool {
		if action(r) != "SendMessageBatch" {
			return false
		}
		switch calls.Add(1) {
		case 1:
			return answer(w, 400, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slowly"}`)
		case 2:
			return answer(w, 200, `{"Successful":[],"Failed":[
				{"Id":"0","Code":"InternalError","SenderFault":false,"Message":"not now"},
				{"Id":"1","Code":"ThrottlingException","SenderFault":true,"Message":"not now"}]}`)
		}
		return false
	})
	q := openSQS(t, address, quickSQS)
	ensure(t, q, "parts")
	if err := q.Send(context.Background(), "parts", queue.Message{Body: []byte("a")}, queue.Message{Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	got := make(chan queue.Message, 9)
	consume(t, openSQS(t, real, quickSQS), "parts", func(_ context.Context, m queue.Message) error {
		got <- m
		return nil
	})
	bodies := []string{string(receive(t, got).Body), string(receive(t, got).Body)}
	slices.Sort(bodies)
	if !slices.Equal(bodies, []string{"a", "b"}) {
		t.Errorf("received %q", bodies)
	}

	never := openSQS(t, between(t, real, func(w http.ResponseWriter, r *http.Request) bool {
		return action(r) == "SendMessageBatch" &&
			answer(w, 200, `{"Successful":[],"Failed":[{"Id":"0","Code":"InvalidMessageContents","SenderFault":true,"Message":"no"}]}`)
	}), quickSQS)
	if err := never.Send(context.Background(), "parts", queue.Message{}); !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "InvalidMessageContents") {
		t.Errorf("Send = %v, want ErrUnavailable with the code", err)
	}
}

// A deletion that fails in part is done again, so that nothing comes twice.
func TestPartOfADeletionIsDoneAgain(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 9)
	var calls atomic.Int32
	address := between(t, servers.SQS(t).URL, func(w http.ResponseWriter, r *http.Request) bool {
		if action(r) != "DeleteMessageBatch" {
			return false
		}
		bodies <- read(t, r)
		return calls.Add(1) == 1 && answer(w, 200, `{"Successful":[],"Failed":[{"Id":"0","Code":"InternalError","SenderFault":false,"Message":"not now"}]}`)
	})
	q := openSQS(t, address, quickSQS)
	ensure(t, q, "deletions")
	got := make(chan queue.Message, 9)
	consume(t, q, "deletions", func(_ context.Context, m queue.Message) error {
		got <- m
		return nil
	})
	if err := q.Send(context.Background(), "deletions", queue.Message{Body: []byte("once")}); err != nil {
		t.Fatal(err)
	}
	receive(t, got)
	testenv.Eventually(t, 30*time.Second, "the deletion is done again", func() bool { return calls.Load() == 2 })
	if first, again := <-bodies, <-bodies; first != again {
		t.Errorf("deleted %s, and again %s", first, again)
	}
}

// The heartbeat keeps a message for a handler that asked for more time, beyond
// what SQS was told at first, also when one beat fails; a consumer that is gone
// does not keep it.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	var beats atomic.Int32
	address := between(t, servers.SQS(t).URL, func(w http.ResponseWriter, r *http.Request) bool {
		if action(r) != "ChangeMessageVisibility" {
			return false
		}
		// The first is Extend's; the first attempts of the next beat fail.
		if n := beats.Add(1); n > 1 && n <= 4 {
			return answer(w, 500, `{"__type":"com.amazonaws.sqs#InternalError","message":"not now"}`)
		}
		return false
	})
	opts := quickSQS
	opts.Visibility = 5 * time.Second // held for 10 s at a time, renewed at each third
	q := openSQS(t, address, opts)
	ensure(t, q, "beats")
	got := make(chan queue.Message, 9)
	finish := make(chan struct{})
	consume(t, q, "beats", func(ctx context.Context, m queue.Message) error {
		if err := m.Extend(ctx, time.Minute); err != nil {
			t.Errorf("Extend: %v", err)
		}
		got <- m
		select {
		case <-finish:
		case <-ctx.Done():
			t.Error("the handler's context ended")
		}
		return nil
	})
	if err := q.Send(context.Background(), "beats", queue.Message{}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	receive(t, got)
	testenv.Eventually(t, 30*time.Second, "more than one hold has passed", func() bool { return time.Since(start) > 22*time.Second })
	if len(got) > 0 {
		t.Errorf("delivered again while it was held: %+v", receive(t, got))
	}
	if n := beats.Load(); n < 8 {
		t.Errorf("%d heartbeats and attempts, want 8 at least", n)
	}
	close(finish)
}

// A message that the queue takes away ends its handler.
func TestHandlerEndsWhenItsMessageIsGone(t *testing.T) {
	t.Parallel()
	var beats atomic.Int32
	address := between(t, servers.SQS(t).URL, func(w http.ResponseWriter, r *http.Request) bool {
		return action(r) == "ChangeMessageVisibility" && beats.Add(1) == 2 &&
			answer(w, 400, `{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"gone"}`)
	})
	q := openSQS(t, address, quickSQS)
	ensure(t, q, "gone")
	ended := make(chan error, 9)
	consume(t, q, "gone", func(ctx context.Context, m queue.Message) error {
		if m.ReceiveCount > 1 {
			return nil
		}
		if err := m.Extend(ctx, time.Minute); err != nil {
			t.Errorf("Extend: %v", err)
		}
		<-ctx.Done()
		if err := m.Extend(context.WithoutCancel(ctx), time.Minute); !errors.Is(err, queue.ErrNotHeld) {
			t.Errorf("Extend = %v, want ErrNotHeld", err)
		}
		ended <- context.Cause(ctx)
		return nil
	})
	if err := q.Send(context.Background(), "gone", queue.Message{}); err != nil {
		t.Fatal(err)
	}
	select {
	case cause := <-ended:
		if !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("cause = %v", cause)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the handler's context did not end")
	}
}

// A consumer waits an outage out.
func TestConsumerOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	var refused atomic.Int32
	address := between(t, servers.SQS(t).URL, func(w http.ResponseWriter, _ *http.Request) bool {
		if !away.Load() {
			return false
		}
		refused.Add(1)
		return answer(w, 503, `{"__type":"com.amazonaws.sqs#ServiceUnavailable","message":"away"}`)
	})
	log := &buffer{}
	opts := quickSQS
	opts.Log = slog.New(slog.NewJSONHandler(log, nil))
	q := openSQS(t, address, opts)
	ensure(t, q, "outage")
	got := make(chan queue.Message, 9)
	consume(t, q, "outage", func(_ context.Context, m queue.Message) error {
		got <- m
		return nil
	})
	if err := q.Send(context.Background(), "outage", queue.Message{}); err != nil {
		t.Fatal(err)
	}
	receive(t, got)
	away.Store(true)
	testenv.Eventually(t, 30*time.Second, "the consumer notices", func() bool { return strings.Contains(log.String(), "cannot be read") })
	away.Store(false)
	if err := q.Send(context.Background(), "outage", queue.Message{}); err != nil {
		t.Fatal(err)
	}
	receive(t, got)
	testenv.Eventually(t, 30*time.Second, "the log says that it is over", func() bool { return strings.Contains(log.String(), "can be read again") })
	if n := strings.Count(log.String(), "cannot be read"); n != 1 {
		t.Errorf("an outage is said %d times:\n%s", n, log.String())
	}
}

func TestSQSConfigSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		want    string // part of the error; "" for none
	}{
		{[]string{"AWS_REGION=eu-central-1"}, ""},
		{[]string{"SQS_ENDPOINT=http://127.0.0.1:1/"}, ""},
		{[]string{"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_SESSION_TOKEN=c", "SQS_QUEUE_PREFIX=Stack-1_"}, ""},
		{nil, "AWS_REGION"},
		{[]string{"SQS_ENDPOINT=127.0.0.1:1"}, "SQS_ENDPOINT"},
		{[]string{"SQS_ENDPOINT=http://user:" + planted + "@127.0.0.1"}, "SQS_ENDPOINT"},
		{[]string{"SQS_ENDPOINT=http://127.0.0.1/path"}, "SQS_ENDPOINT"},
		{[]string{"AWS_REGION=x", "SQS_QUEUE_PREFIX=a.b"}, "SQS_QUEUE_PREFIX"},
		{[]string{"AWS_REGION=x", "AWS_ACCESS_KEY_ID=a"}, "AWS_SECRET_ACCESS_KEY"},
		{[]string{"AWS_REGION=x", "AWS_SECRET_ACCESS_KEY=" + planted}, "AWS_ACCESS_KEY_ID"},
	} {
		env, err := host.NewEnv(append(c.environ, "QUEUE_DRIVER=sqs"), slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = env.Close() })
		_, err = queue.Open(env)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.environ, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v, want %s", c.environ, err, c.want)
		case err != nil && strings.Contains(err.Error(), planted):
			t.Errorf("%q: the error shows a secret: %v", c.environ, err)
		}
	}
}

// A stopping consumer has a poll under way, which may bring a message. It is not
// handled, and it is not held either: others get it long before a hold ends.
func TestStopKeepsNothingToItself(t *testing.T) {
	t.Parallel()
	polls, answers := make(chan struct{}, 999), make(chan struct{}, 999)
	address := between(t, servers.SQS(t).URL, func(_ http.ResponseWriter, r *http.Request) bool {
		if action(r) == "ReceiveMessage" {
			read(t, r) // it goes on when the client has gone
			polls <- struct{}{}
		}
		return false
	}, func(r *http.Request) {
		if action(r) == "ReceiveMessage" {
			answers <- struct{}{}
		}
	})
	opts := quickSQS
	opts.Visibility = 10 * time.Minute
	opts.Poll = 3 * time.Second
	ensure(t, openSQS(t, address, opts), "stopping")
	for range 3 {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- openSQS(t, address, opts).Consume(ctx, "stopping", func(context.Context, queue.Message) error {
				t.Error("a stopped consumer handled a message")
				return nil
			})
		}()
		<-polls
		stop()
		if err := openSQS(t, address, opts).Send(context.Background(), "stopping", queue.Message{}); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		<-answers
		got := make(chan queue.Message, 9)
		ctx, stop = context.WithCancel(context.Background())
		go func() {
			done <- openSQS(t, address, opts).Consume(ctx, "stopping", func(_ context.Context, m queue.Message) error {
				got <- m
				return nil
			})
		}()
		receive(t, got)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for len(polls) > 0 {
			<-polls
			<-answers
		}
	}
}
