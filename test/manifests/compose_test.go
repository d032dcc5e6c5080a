// Package manifests reads the files that other programs deploy the vault by, with
// those programs' own libraries: a module of its own, since nothing of the vault
// needs them.
package manifests

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads docker-compose.yml as "docker compose" does: schema, interpolation,
// anchors, and that what one service names is there.
func load(t *testing.T, env []string, profiles ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithEnv(env), cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func TestComposeLoads(t *testing.T) {
	t.Parallel()
	required := regexp.MustCompile(`\$\{([A-Z_]+):\?`)
	source, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, match := range required.FindAllStringSubmatch(string(source), -1) {
		env = append(env, match[1]+"=k1:"+match[1])
	}
	if len(env) == 0 {
		t.Fatal("no variable is required: this test looks in the wrong place")
	}
	for profile, want := range map[string][]string{
		"":    {"buckets", "mailpit", "migrate", "minio", "postgres", "vault"},
		"aws": {"buckets", "localstack", "mailpit", "migrate", "minio", "postgres", "vault", "vault-sqs"},
	} {
		project, err := load(t, env, profile)
		if err != nil {
			t.Fatal(err)
		}
		names := project.ServiceNames()
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("profile %q starts %q, want %q", profile, names, want)
		}
		if got := project.Services["vault"].Environment["MASTER_KEYS"]; got == nil || *got != "k1:MASTER_KEYS" {
			t.Errorf("MASTER_KEYS of the vault: %v", got)
		}
	}
	if _, err := load(t, nil); err == nil {
		t.Error("it starts without keys")
	}
}
