package layout

import (
	"regexp"
	"strings"
	"testing"
)

var pinned = regexp.MustCompile(`^[a-z0-9./-]+:[A-Za-z0-9][A-Za-z0-9._-]*$`)

// TestComposeServices wants every image pinned, and a healthcheck on every
// service that stays (those that end say so by ending).
func TestComposeServices(t *testing.T) {
	t.Parallel()
	services := mapping(parse(t, "docker-compose.yml"), "services")
	for _, name := range []string{"postgres", "migrate", "minio", "localstack", "vault"} {
		if services[name] == nil {
			t.Errorf("docker-compose.yml lacks %s", name)
		}
	}
	ends := map[string]bool{}
	for name, service := range services {
		for on, how := range mapping(service, "depends_on") {
			if services[on] == nil {
				t.Errorf("%s depends on %s, which is not there", name, on)
			}
			switch text(how, "condition") {
			case "service_completed_successfully":
				ends[on] = true
			case "service_healthy":
			default:
				t.Errorf("%s waits for %s to have started, which says nothing", name, on)
			}
		}
	}
	for name, service := range services {
		image := text(service, "image")
		if !pinned.MatchString(image) || strings.HasSuffix(image, ":latest") {
			t.Errorf("%s: image %q is not pinned by a tag", name, image)
		}
		if !ends[name] && dig(service, "healthcheck", "test") == nil {
			t.Errorf("%s has no healthcheck", name)
		}
	}
	if got := text(services["minio"], "healthcheck", "test"); got != "[CMD mc ready local]" {
		t.Errorf("MinIO's healthcheck is %s, want mc ready local: its image has no curl", got)
	}
}

// TestComposeSecrets holds DDL to the service that migrates, and every variable
// of our own services to one that the code reads.
func TestComposeSecrets(t *testing.T) {
	t.Parallel()
	known := configured(t)
	for name, service := range mapping(parse(t, "docker-compose.yml"), "services") {
		environment := mapping(service, "environment")
		if _, has := environment["DATABASE_MIGRATE_URL"]; has != (name == "migrate") {
			t.Errorf("%s: DATABASE_MIGRATE_URL: %t", name, has)
		}
		if !strings.HasPrefix(text(service, "image"), "golang:") {
			continue // another program's variables
		}
		for variable := range environment {
			if !known[variable] {
				t.Errorf("%s sets %s, which no configuration reads", name, variable)
			}
		}
		if url := text(environment, "DATABASE_URL"); url != "" && !strings.HasPrefix(url, "postgres://docuvault_app:") {
			t.Errorf("%s reaches the database as another role than docuvault_app", name)
		}
	}
}

// TestLocalStack wants the script to make what template.yaml makes: each queue
// with the same visibility and a dead letter queue after five tries, and both
// buckets.
func TestLocalStack(t *testing.T) {
	t.Parallel()
	files := glob(t, "localstack/init/ready.d/*.sh")
	if len(files) == 0 {
		t.Fatal("no script in localstack/init/ready.d")
	}
	var script string
	for _, file := range files {
		script += read(t, file)
	}
	template := parse(t, "template.yaml")
	for name, logical := range queues {
		call := regexp.MustCompile(`(?m)\bqueue ` + name + ` (\d+)`).FindStringSubmatch(script)
		if call == nil {
			t.Errorf("localstack does not make queue %s", name)
			continue
		}
		if want := text(template, "Resources", logical, "Properties", "VisibilityTimeout"); call[1] != want {
			t.Errorf("queue %s: localstack hides a message for %s s, template.yaml for %s s", name, call[1], want)
		}
	}
	for _, want := range []string{
		`\\\"maxReceiveCount\\\":\\\"5\\\"`, `bucket "$documents"`, `bucket "$derived"`,
		"put-bucket-notification-configuration", "s3:ObjectCreated:*", "set -euo pipefail",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("localstack's script lacks %s", want)
		}
	}
}
