package refresh_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5/pgxpool"

	"docuvault/functions/auth/logout"
	"docuvault/functions/auth/refresh"
	"docuvault/functions/auth/revoke"
	"docuvault/functions/me/get"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

// What clients do to one session. Tabs refresh and use, a thief refreshes with
// an old token, and an owner ends it from another session.
const (
	doRefresh = "refresh"
	doUse     = "use"
	doRevoke  = "revoke"
	doLogout  = "logout"
	doDisable = "disable the user"
)

// attempt is one request: of which generation its token is.
type attempt struct {
	do         string
	generation int64
}

// outcome is what the client learned: nothing if the answer was lost. A refresh
// that worked gave the tokens of a generation.
type outcome struct {
	lost       bool
	code       fault.Code // "" for success
	generation int64
}

// family is the model: all that a session has to remember, changed by one
// request at a time. With grace, the previous token is good for all of the
// history; without, until the first use of its successor.
type family struct {
	generation              int64
	used, revoked, disabled bool
}

func (f family) step(a attempt, grace bool) (outcome, family) {
	ended := f.revoked || f.disabled
	if a.do == doUse || a.do == doLogout {
		f.used = f.used || !ended && a.generation == f.generation
	}
	switch {
	case a.do == doUse && ended:
		return outcome{code: fault.SessionRevoked}, f
	case a.do == doUse:
		return outcome{}, f
	case a.do == doLogout: // works always: it is over either way
		f.revoked = f.revoked || !f.disabled
		return outcome{}, f
	case a.do == doDisable:
		f.disabled = true
		return outcome{}, f
	case a.do == doRevoke && f.disabled:
		return outcome{code: fault.SessionRevoked}, f // the owner's own session
	case a.do == doRevoke && f.revoked:
		return outcome{code: fault.NotFound}, f
	case a.do == doRevoke:
		f.revoked = true
		return outcome{}, f
	// Refreshes from here on.
	case f.revoked:
		return outcome{code: fault.SessionRevoked}, f
	case f.disabled || a.generation > f.generation:
		return outcome{code: fault.RefreshInvalid}, f
	case a.generation == f.generation:
		f.generation, f.used = f.generation+1, false
		return outcome{generation: f.generation}, f
	case a.generation == f.generation-1 && (grace || !f.used):
		return outcome{generation: f.generation}, f
	default:
		f.revoked = true
		return outcome{code: fault.RefreshReplayed}, f
	}
}

// model is family in porcupine's words. A lost answer allows every outcome; its
// operation ends with the history, so it may have taken effect at any time
// after it was called, or after everything else.
func model(grace bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return family{generation: 1} },
		Step: func(state, input, output any) (bool, any) {
			f, a, got := state.(family), input.(attempt), output.(outcome)
			// Whether the account is enabled is read before the wait for the
			// session: a replay that began before may end the session after, and
			// may have done so where its answer is lost.
			if a.do == doRefresh && (got.code == fault.RefreshReplayed || got.lost && a.generation < f.generation) {
				f.disabled = false
			}
			want, next := f.step(a, grace)
			next.disabled = next.disabled || state.(family).disabled
			return got.lost || got == want, next
		},
	}
}

// course is a vault in which sessions are put through histories.
type course struct {
	*authtest.Vault
	codec  *auth.Codec
	signer *auth.Signer
	super  *pgxpool.Pool
	grace  bool
	// refresh takes the place of the function, to plant a mistake.
	refresh func(ctx context.Context, s *tried, generation int64) (outcome, error)
}

func newCourse(t *testing.T, grace bool) *course {
	t.Helper()
	vars := map[string]string{"REFRESH_GRACE": "0s"}
	if grace {
		vars["REFRESH_GRACE"] = "1m"
	}
	c := &course{Vault: authtest.Open(t, vars, refresh.Function, get.Function, revoke.Function, logout.Function), grace: grace}
	var err error
	if c.codec, err = auth.OpenCodec(c.Env); err != nil {
		t.Fatal(err)
	}
	if c.signer, err = auth.OpenSigner(c.Env); err != nil {
		t.Fatal(err)
	}
	if c.super, err = pgxpool.New(t.Context(), c.DB.SuperURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.super.Close)
	return c
}

// tried is one session and what was done to it.
type tried struct {
	*course
	user, session id.ID
	owner         string // the access token of another session
	jar           atomic.Int64
	start         time.Time
	mu            sync.Mutex
	history       []porcupine.Operation
}

func (c *course) session(t *testing.T) *tried {
	t.Helper()
	s := &tried{course: c, user: id.New(), session: id.New(), start: time.Now()}
	s.jar.Store(1)
	other := id.New()
	c.DB.Exec(t, `INSERT INTO users (id, email) VALUES ($1::uuid, $1::uuid || '@example.org')`, s.user.String())
	c.DB.Exec(t, `INSERT INTO quotas (user_id, limit_bytes) VALUES ($1, 0)`, s.user.String())
	c.DB.Exec(t, `INSERT INTO sessions (id, user_id, expires_at, idle_timeout)
	  SELECT unnest(ARRAY[$2, $3]::uuid[]), $1, now() + interval '1 day', interval '1 day'`, s.user.String(), s.session.String(), other.String())
	token, err := c.signer.Sign(auth.Identity{User: s.user, Session: other, Generation: 1, AuthTime: s.start})
	if err != nil {
		t.Fatal(err)
	}
	s.owner = token.Reveal()
	return s
}

// try makes one request and writes it into the history. Whoever hangs up first
// learns nothing: that is how answers are lost.
func (s *tried) try(t *testing.T, client int, a attempt, hangUp time.Duration) outcome {
	t.Helper()
	ctx, cancel := t.Context(), context.CancelFunc(func() {})
	if hangUp > 0 {
		ctx, cancel = context.WithTimeout(ctx, hangUp)
	}
	defer cancel()
	call := time.Since(s.start)
	got, err := s.send(ctx, a)
	back := int64(time.Since(s.start))
	if err != nil {
		if ctx.Err() == nil {
			t.Errorf("%s: %v", a.do, err)
		}
		got, back = outcome{lost: true}, math.MaxInt64
	}
	if got.generation > 0 {
		s.jar.Store(got.generation) // the cookie that came last, as in a browser
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = append(s.history, porcupine.Operation{ClientId: client, Input: a, Output: got, Call: int64(call), Return: back})
	return got
}

func (s *tried) send(ctx context.Context, a attempt) (outcome, error) {
	token, err := s.signer.Sign(auth.Identity{User: s.user, Session: s.session, Generation: a.generation, AuthTime: s.start})
	if err != nil {
		return outcome{}, err
	}
	switch a.do {
	case doRefresh:
		if s.refresh != nil {
			return s.refresh(ctx, s, a.generation)
		}
		cookie, err := s.codec.Mint(auth.Refresh{User: s.user, Session: s.session, Generation: a.generation})
		if err != nil {
			return outcome{}, err
		}
		return s.request(ctx, http.MethodPost, "/v1/auth/refresh", "Cookie", auth.RefreshCookieName(false)+"="+cookie.Reveal())
	case doUse:
		return s.request(ctx, http.MethodGet, "/v1/me", "Authorization", "Bearer "+token.Reveal())
	case doLogout:
		return s.request(ctx, http.MethodPost, "/v1/auth/logout", "Authorization", "Bearer "+token.Reveal())
	case doRevoke:
		return s.request(ctx, http.MethodDelete, "/v1/auth/sessions/"+s.session.String(), "Authorization", "Bearer "+s.owner)
	default:
		_, err := s.super.Exec(ctx, `UPDATE users SET disabled_at = now() WHERE id = $1`, s.user.String())
		return outcome{}, err
	}
}

func (s *tried) request(ctx context.Context, method, path, header, value string) (outcome, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.Server.URL+path, http.NoBody)
	if err != nil {
		return outcome{}, err
	}
	r.Header.Set(header, value)
	answer, err := s.Server.Client().Do(r)
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return outcome{}, err
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return outcome{}, fmt.Errorf("%d: %s", answer.StatusCode, body)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		var problem struct {
			Code fault.Code `json:"code"`
		}
		err := json.Unmarshal(body, &problem)
		return outcome{code: problem.Code}, err
	}
	for _, cookie := range answer.Cookies() {
		if cookie.Name == auth.RefreshCookieName(false) && cookie.Value != "" {
			r, err := s.codec.Parse(secret.New(cookie.Value))
			return outcome{generation: r.Generation}, err
		}
	}
	return outcome{}, nil
}

// The ways in which histories differ.
const (
	tabs     = "tabs that fall behind"
	thief    = "a thief"
	laptop   = "an old laptop"
	revoked  = "revoked elsewhere"
	out      = "signed out in a tab"
	disabled = "disabled"
)

var themes = []string{tabs, thief, laptop, revoked, out, disabled}

const (
	clients  = 5
	attempts = 8
)

// run lets clients loose on a session, and returns what each learned.
func (s *tried) run(t *testing.T, round uint64, theme string) []porcupine.Operation {
	t.Helper()
	start := make(chan struct{})
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			random := rand.New(rand.NewPCG(round, uint64(client)))
			when := random.IntN(attempts)
			own := int64(1) // what this client has: it may fall behind the jar
			<-start
			for n, ended := 0, 0; n < attempts && ended < 2; n++ {
				a := attempt{do: doRefresh, generation: own}
				switch special := client == 0 && n == when; {
				case special && theme == thief:
					a.generation = max(1, s.jar.Load()-1-random.Int64N(3))
				case special && theme == revoked:
					a.do = doRevoke
				case special && theme == out:
					a.do = doLogout
				case special && theme == disabled:
					a.do = doDisable
				case theme == tabs && random.IntN(4) == 0, theme == laptop && client == 1:
					// With what it had.
				default:
					own = s.jar.Load()
					a.generation = own
					if random.IntN(3) < 2 {
						a.do = doUse
					}
				}
				var hangUp time.Duration
				if a.do != doDisable && random.IntN(10) == 0 {
					hangUp = time.Duration(1+random.IntN(4000)) * time.Microsecond
				}
				got := s.try(t, client, a, hangUp)
				own = max(own, got.generation)
				if got.code == fault.SessionRevoked || got.code == fault.RefreshInvalid {
					ended++
				}
			}
		})
	}
	close(start)
	all.Wait()
	return s.history
}

// linearizable asks porcupine whether the history could have come about by one
// request at a time.
func linearizable(t *testing.T, history []porcupine.Operation, grace bool) bool {
	t.Helper()
	result := porcupine.CheckOperationsTimeout(model(grace), history, 2*time.Minute)
	if result == porcupine.Unknown {
		t.Fatalf("porcupine did not finish:\n%s", told(history))
	}
	return result == porcupine.Ok
}

func told(history []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range slices.SortedFunc(slices.Values(history), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) }) {
		fmt.Fprintf(&b, "client %d, %8d to %8d µs: %+v -> %+v\n", o.ClientId, o.Call/1000, min(o.Return, math.MaxInt32*1000)/1000, o.Input, o.Output)
	}
	return b.String()
}

// Whatever tabs, thieves and owners do at once, and whoever's answer is lost:
// there is an order of the requests in which each got what a session that serves
// one at a time would have answered.
func TestConcurrentHistories(t *testing.T) {
	t.Parallel()
	for _, grace := range []bool{false, true} {
		t.Run(fmt.Sprintf("grace %t", grace), func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, grace)
			seen := map[string]int{}
			for round := range uint64(60) {
				theme := themes[round%uint64(len(themes))]
				history := c.session(t).run(t, round, theme)
				if !linearizable(t, history, grace) {
					t.Fatalf("round %d (%s) has no order:\n%s", round, theme, told(history))
				}
				rotations := map[int64]int{}
				for _, o := range history {
					a, got := o.Input.(attempt), o.Output.(outcome)
					switch {
					case got.lost:
						seen["lost"]++
					case got.code != "":
						seen[string(got.code)]++
					case a.do == doRefresh:
						if rotations[got.generation]++; rotations[got.generation] > 1 {
							seen["same successor"]++
						}
					}
				}
			}
			t.Log(seen)
			for _, what := range []string{"lost", "same successor", string(fault.RefreshReplayed), string(fault.SessionRevoked), string(fault.RefreshInvalid)} {
				if seen[what] == 0 {
					t.Errorf("%q never happened: these histories prove little", what)
				}
			}
		})
	}
}

// A replay that began before its account was disabled may end the session after,
// whether or not its answer came.
func TestALateReplayHasAnOrder(t *testing.T) {
	t.Parallel()
	refreshed := func(client int, from, to, generation int64, got outcome) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Call: from, Return: to, Input: attempt{do: doRefresh, generation: generation}, Output: got}
	}
	for name, c := range map[string]struct {
		late porcupine.Operation
		want bool
	}{
		"it was told":      {refreshed(1, 31, 90, 1, outcome{code: fault.RefreshReplayed}), true},
		"its answer lost":  {refreshed(1, 31, math.MaxInt64, 1, outcome{lost: true}), true},
		"of no old token":  {refreshed(1, 31, math.MaxInt64, 2, outcome{lost: true}), false},
		"began afterwards": {refreshed(1, 91, math.MaxInt64, 1, outcome{lost: true}), false},
	} {
		history := []porcupine.Operation{
			refreshed(0, 10, 20, 1, outcome{generation: 2}),
			{ClientId: 0, Call: 21, Return: 30, Input: attempt{do: doUse, generation: 2}, Output: outcome{}},
			c.late,
			{ClientId: 2, Call: 32, Return: 40, Input: attempt{do: doDisable}, Output: outcome{}},
			refreshed(0, 41, 50, 2, outcome{code: fault.RefreshInvalid}),
			refreshed(0, 60, 70, 2, outcome{code: fault.SessionRevoked}),
		}
		if got := linearizable(t, history, false); got != c.want {
			t.Errorf("%s: an order is there: %t", name, got)
		}
	}
}

// The check above is worth what it finds: each of these mistakes makes a history
// that no order explains.
func TestHistoriesFindMistakes(t *testing.T) {
	t.Parallel()
	checkSession := func(where, first string) string {
		return `CREATE OR REPLACE FUNCTION check_session(in_session uuid, in_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
			BEGIN
			  IF NOT EXISTS (SELECT FROM sessions x JOIN users u ON u.id = x.user_id WHERE x.id = in_session AND x.user_id = app_user() AND ` + where + `) THEN
			    RAISE EXCEPTION 'session ended' USING ERRCODE = 'DV001';
			  END IF; ` + first + `
			END $$`
	}
	const firstUse = `UPDATE sessions SET first_used_at = clock_timestamp() WHERE id = in_session AND generation = in_generation AND first_used_at IS NULL;`
	instead := func(body string) string {
		return `CREATE FUNCTION mistake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + body + ` RETURN NEW; END $$;
			CREATE TRIGGER mistake BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION mistake()`
	}
	for name, m := range map[string]struct {
		theme   string
		grace   bool
		sql     string
		refresh func(ctx context.Context, s *tried, generation int64) (outcome, error)
	}{
		"selects first, then updates":       {theme: tabs, refresh: selectThenUpdate},
		"a use does not end the grace":      {theme: tabs, sql: checkSession(`x.revoked_at IS NULL AND u.disabled_at IS NULL`, ``)},
		"any token is a first use":          {theme: laptop, sql: checkSession(`x.revoked_at IS NULL AND u.disabled_at IS NULL`, strings.Replace(firstUse, ` AND generation = in_generation`, ``, 1))},
		"a revoked session is used on":      {theme: revoked, sql: checkSession(`u.disabled_at IS NULL`, firstUse)},
		"a disabled user goes on":           {theme: disabled, sql: checkSession(`x.revoked_at IS NULL`, firstUse)},
		"a replay revokes nothing":          {theme: thief, sql: instead(`IF NEW.revoked_reason = 'replay' THEN NEW.revoked_at := NULL; NEW.revoked_reason := NULL; END IF;`)},
		"a new generation counts as used":   {theme: laptop, sql: instead(`IF NEW.generation > OLD.generation THEN NEW.first_used_at := clock_timestamp(); END IF;`)},
		"the loser of a race rotates again": {theme: tabs, grace: true, refresh: rotateTwice},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, m.grace)
			c.refresh = m.refresh
			if m.sql != "" {
				c.DB.Exec(t, m.sql)
			}
			for round := range uint64(600) {
				if history := c.session(t).run(t, round, m.theme); !linearizable(t, history, m.grace) {
					t.Logf("found in round %d", round)
					return
				}
			}
			t.Error("not found")
		})
	}
}

// selectThenUpdate decides on a row that may have changed since.
func selectThenUpdate(ctx context.Context, s *tried, presented int64) (outcome, error) {
	var f family
	err := s.super.QueryRow(ctx, `SELECT generation, first_used_at IS NOT NULL, revoked_at IS NOT NULL, disabled_at IS NOT NULL
	   FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`, s.session.String()).Scan(&f.generation, &f.used, &f.revoked, &f.disabled)
	if err != nil {
		return outcome{}, err
	}
	got, next := f.step(attempt{doRefresh, presented}, s.grace)
	switch {
	case next.generation != f.generation:
		_, err = s.super.Exec(ctx, `UPDATE sessions SET generation = $2, first_used_at = NULL WHERE id = $1`, s.session.String(), next.generation)
	case next.revoked != f.revoked:
		_, err = s.super.Exec(ctx, `UPDATE sessions SET revoked_at = now(), revoked_reason = 'replay' WHERE id = $1 AND revoked_at IS NULL`, s.session.String())
	}
	return got, err
}

// rotateTwice counts on from whatever the row holds, for everyone who saw the
// generation as the current one.
func rotateTwice(ctx context.Context, s *tried, presented int64) (outcome, error) {
	var f family
	err := s.super.QueryRow(ctx, `SELECT generation, first_used_at IS NOT NULL, revoked_at IS NOT NULL, disabled_at IS NOT NULL
	   FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`, s.session.String()).Scan(&f.generation, &f.used, &f.revoked, &f.disabled)
	if err != nil {
		return outcome{}, err
	}
	got, next := f.step(attempt{doRefresh, presented}, s.grace)
	if next.generation != f.generation {
		err = s.super.QueryRow(ctx, `UPDATE sessions SET generation = generation + 1, first_used_at = NULL WHERE id = $1 RETURNING generation`, s.session.String()).Scan(&got.generation)
	}
	if next.revoked != f.revoked {
		_, err = s.super.Exec(ctx, `UPDATE sessions SET revoked_at = now(), revoked_reason = 'replay' WHERE id = $1 AND revoked_at IS NULL`, s.session.String())
	}
	return got, err
}
