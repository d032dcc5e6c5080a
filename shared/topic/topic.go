// Package topic is a user's own list of topics: reading it, and making,
// changing and deleting topics.
//
// It promises that names and descriptions are sealed, that a name is there once,
// and that neither a rename nor a deletion loses a document: those of a topic
// that is deleted have none. What the classifier learned of a topic stays with
// it through a rename and goes with it. Lock order: documents by id, then the
// account's row (as in package learning), then the topic.
package topic

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// Max is how many topics a user has at most; the trigger topics_limit holds it.
const Max = 1000

// maxDescription is how many characters a description has at most.
const maxDescription = 2000

// atOnce is how many documents one transaction frees from a topic.
const atOnce = 1000

// Topic is a topic as its owner sees it.
type Topic struct {
	ID          id.ID     `json:"id" format:"uuid"`
	Name        string    `json:"name" doc:"Once, upper and lower case being the same."`
	Colour      string    `json:"colour,omitempty" doc:"As #rrggbb, in lower case."`
	Description string    `json:"description,omitempty"`
	Documents   int64     `json:"documents" doc:"How many have it, without the trash and uploads that are not complete."`
	CreatedAt   time.Time `json:"created_at"`
	Version     int64     `json:"version" doc:"Grows with each change; send it as If-Match to change only what you saw."`
}

// Topics reads and changes the list.
type Topics struct {
	db    *database.DB
	vault *vault.Vault
}

// Open returns the Env's one Topics.
func Open(env *host.Env) (*Topics, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Topics, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return &Topics{db: v.DB(), vault: v}, nil
}

// row is a topic as the database has it.
type row struct {
	topic             Topic
	name, description []byte
}

const columns = `t.id, t.name_sealed, t.description_sealed, t.colour, t.created_at, t.version`

func (r *row) fields() []any {
	return []any{&r.topic.ID, &r.name, &r.description, &r.topic.Colour, &r.topic.CreatedAt, &r.topic.Version}
}

func (r *row) open(u *keys.User) (Topic, error) {
	t := r.topic
	name, err := u.Open("topics", "name_sealed", t.ID, r.name)
	if err != nil {
		return Topic{}, fmt.Errorf("topic %s: %w", t.ID, err)
	}
	t.Name = string(name)
	if r.description != nil {
		description, err := u.Open("topics", "description_sealed", t.ID, r.description)
		if err != nil {
			return Topic{}, fmt.Errorf("topic %s: %w", t.ID, err)
		}
		t.Description = string(description)
	}
	return t, nil
}

// List returns all topics, in the order in which they were made.
func (s *Topics) List(ctx context.Context, actor database.Actor) ([]Topic, error) {
	var rows []*row
	counts := map[id.ID]int64{}
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT `+columns+` FROM topics t WHERE t.user_id = app_user() ORDER BY t.created_at, t.id`, nil, func(scan func(...any) error) error {
			r := &row{}
			rows = append(rows, r)
			return scan(r.fields()...)
		})
		b.Each(`SELECT topic_id, count(*) FROM documents WHERE user_id = app_user() AND status IN `+vault.Shown+` AND topic_id IS NOT NULL
		         GROUP BY topic_id`, nil, func(scan func(...any) error) error {
			var topic id.ID
			var n int64
			err := scan(&topic, &n)
			counts[topic] = n
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	all := make([]Topic, len(rows))
	for i, r := range rows {
		if all[i], err = r.open(u); err != nil {
			return nil, err
		}
		all[i].Documents = counts[all[i].ID]
	}
	return all, nil
}

// Changes are what a person says of a topic; absent members stay.
type Changes struct {
	Name        vault.Field[string] `json:"name,omitempty" doc:"1 to 100 characters."`
	Colour      vault.Field[string] `json:"colour,omitempty" doc:"As #rrggbb; null or empty is none."`
	Description vault.Field[string] `json:"description,omitempty" doc:"At most 2,000 characters."`
}

var colourForm = regexp.MustCompile(`^(#[0-9a-f]{6})?$`)

// assignment is a column with the argument that it gets.
type assignment struct{ column, value string }

// columns returns what changes as SQL, and the names for the log.
func (c Changes) columns(u *keys.User, topic id.ID, args database.Args) (set []assignment, fields []string, err error) {
	fields = []string{}
	if c.Name.Present {
		n, err := vault.SealName(u, vault.TopicNames, topic, c.Name.Value)
		if err != nil {
			return nil, nil, err
		}
		set = append(set, assignment{"name_key", "@key"}, assignment{"name_sealed", "@name"})
		args["key"], args["name"] = n.Key, n.Sealed
		fields = append(fields, "name")
	}
	if c.Colour.Present {
		colour := strings.ToLower(c.Colour.Value)
		if !colourForm.MatchString(colour) {
			return nil, nil, fault.New(fault.ValidationFailed, "A colour is written #rrggbb, with six hexadecimal digits.")
		}
		set = append(set, assignment{"colour", "@colour"})
		args["colour"] = colour
		fields = append(fields, "colour")
	}
	if c.Description.Present {
		text := vault.CleanText(c.Description.Value)
		if utf8.RuneCountInString(text) > maxDescription {
			return nil, nil, fault.Newf(fault.ValidationFailed, "A description has at most %d characters.", maxDescription)
		}
		set = append(set, assignment{"description_sealed", "@description"})
		args["description"] = []byte(nil)
		if text != "" {
			if args["description"], err = u.Seal("topics", "description_sealed", topic, []byte(text)); err != nil {
				return nil, nil, err
			}
		}
		fields = append(fields, "description")
	}
	return set, fields, nil
}

// Create makes a topic. It returns fault.ValidationFailed, fault.NameTaken and
// fault.LimitReached.
func (s *Topics) Create(ctx context.Context, actor database.Actor, c Changes) (Topic, error) {
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Topic{}, err
	}
	topic := id.New()
	c.Name.Present = true
	args := database.Args{"id": topic}
	set, _, err := c.columns(u, topic, args)
	if err != nil {
		return Topic{}, err
	}
	names, values := "id, user_id", "@id, app_user()"
	for _, a := range set {
		names, values = names+", "+a.column, values+", "+a.value
	}
	entry := audit.Entry{Action: audit.TopicCreated, Target: topic}
	return s.write(ctx, actor, u, topic, "make topic", func(b *database.Batch) {
		b.Exec(`WITH changed AS (INSERT INTO topics (`+names+`) VALUES (`+values+`) RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
	})
}

// Change changes a topic; its documents keep it. They are found by a new name
// a little later. version is the one the client saw, nil for any. It returns
// fault.NotFound, fault.PreconditionFailed, fault.ValidationFailed and
// fault.NameTaken.
func (s *Topics) Change(ctx context.Context, actor database.Actor, topic id.ID, version *int64, c Changes) (Topic, error) {
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Topic{}, err
	}
	args := database.Args{"id": topic, "version": version}
	set, fields, err := c.columns(u, topic, args)
	if err != nil {
		return Topic{}, err
	}
	assignments := "version = version + 1"
	for _, a := range set {
		assignments += ", " + a.column + " = " + a.value
	}
	entry := audit.Entry{Action: audit.TopicChanged, Target: topic, Metadata: map[string]any{"fields": fields}}
	return s.write(ctx, actor, u, topic, "change topic", func(b *database.Batch) {
		b.Exec(`SELECT lock_topic(@id, @version)`, args)
		if len(fields) == 0 {
			return
		}
		b.Exec(`WITH changed AS (UPDATE topics SET `+assignments+` WHERE id = @id AND user_id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
		if c.Name.Present {
			b.Exec(vault.Lag(`topic_id = @id`), args)
		}
	})
}

// Get returns one topic. It returns fault.NotFound.
func (s *Topics) Get(ctx context.Context, actor database.Actor, topic id.ID) (Topic, error) {
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Topic{}, err
	}
	found, err := s.write(ctx, actor, u, topic, "read topic", func(*database.Batch) {})
	if errors.Is(err, database.ErrNoRows) {
		return Topic{}, fault.New(fault.NotFound, "There is no such topic.")
	}
	return found, err
}

// write runs statements that leave the topic there, and reads it.
func (s *Topics) write(ctx context.Context, actor database.Actor, u *keys.User, topic id.ID, doing string, statements func(b *database.Batch)) (Topic, error) {
	var r row
	var n int64
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		statements(b)
		args := database.Args{"id": topic}
		b.One(`SELECT `+columns+` FROM topics t WHERE t.id = @id AND t.user_id = app_user()`, args, r.fields()...)
		b.One(`SELECT count(*) FROM documents WHERE topic_id = @id AND user_id = app_user() AND status IN `+vault.Shown, args, &n)
	})
	switch {
	case database.IsConflict(err, "topics_user_id_name_key_key"):
		return Topic{}, fault.New(fault.NameTaken, "There is a topic of this name already. Choose another name.")
	case err != nil:
		return Topic{}, fmt.Errorf("%s: %w", doing, err)
	}
	opened, err := r.open(u)
	opened.Documents = n
	return opened, err
}

// Delete deletes a topic: its documents have none from then on, which a later
// analysis may change, and what was learned of it is forgotten. Up to a thousand
// documents it is one transaction; of more, those above a thousand are freed
// first, so that a call that is interrupted may be repeated. version is the one
// the client saw, nil for any. It returns fault.NotFound and
// fault.PreconditionFailed, and fault.DeadlineExceeded when it has to be
// repeated.
func (s *Topics) Delete(ctx context.Context, actor database.Actor, topic id.ID, version *int64) error {
	enough := time.Now().Add(10 * time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		enough = time.Now().Add(time.Until(deadline) / 2)
	}
	args := database.Args{"id": topic, "version": version, "limit": atOnce}
	entry := audit.Entry{Action: audit.TopicDeleted, Target: topic}
	for time.Now().Before(enough) {
		var deleted int64
		err := s.db.Do(ctx, actor, func(b *database.Batch) {
			// Those that a later statement changes, in the order that all keep.
			b.Exec(`SELECT FROM documents WHERE user_id = app_user() AND (topic_id = @id OR learned_topic_id = @id) ORDER BY id LIMIT @limit FOR UPDATE`, args)
			b.Exec(`SELECT FROM users WHERE id = app_user() FOR NO KEY UPDATE`, nil)
			b.Exec(`SELECT lock_topic(@id, @version)`, args)
			b.Exec(`WITH freed AS (SELECT id FROM documents WHERE user_id = app_user() AND (topic_id = @id OR learned_topic_id = @id) ORDER BY id LIMIT @limit FOR UPDATE),
			        lags AS (`+vault.Lag(`d.id IN (SELECT id FROM freed)`)+`)
			        UPDATE documents SET topic_id = NULLIF(topic_id, @id), learned_topic_id = NULLIF(learned_topic_id, @id),
			               topic_source = CASE WHEN topic_id = @id THEN NULL ELSE topic_source END
			         WHERE id IN (SELECT id FROM freed)`, args)
			b.Affected(&deleted, `WITH changed AS (DELETE FROM topics WHERE id = @id AND user_id = app_user()
			          AND NOT EXISTS (SELECT FROM documents WHERE topic_id = @id OR learned_topic_id = @id) RETURNING id)
			        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
		})
		if err != nil {
			return fmt.Errorf("delete topic: %w", err)
		}
		if deleted > 0 {
			return nil
		}
	}
	return fault.New(fault.DeadlineExceeded, "There was no time for all documents. Those that were freed stay so; repeat this.")
}
