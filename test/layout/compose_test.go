package layout

import (
	"regexp"
	"strings"
	"testing"
)

var pinned = regexp.MustCompile(`^[a-z0-9./-]+:[A-Za-z0-9][A-Za-z0-9._-]*$`)

// TestComposeServices wants every image pinned or a target of our Dockerfile, a
// healthcheck on every service that stays (those that end say so by ending), and
// what needs an account elsewhere behind the profile aws.
func TestComposeServices(t *testing.T) {
	t.Parallel()
	services := mapping(parse(t, "docker-compose.yml"), "services")
	for _, name := range []string{"postgres", "migrate", "minio", "mailpit", "vault", "localstack", "vault-sqs"} {
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
	_, targets := stages(t)
	for name, service := range services {
		image := text(service, "image")
		if target := text(service, "build", "target"); target != "" {
			if _, there := targets[target]; !there || image != "" || text(service, "build", "context") != "." {
				t.Errorf("%s is built from target %q, image %q", name, target, image)
			}
			if text(service, "read_only") != "true" {
				t.Errorf("%s: its root can be written to", name)
			}
		} else if !pinned.MatchString(image) || strings.HasSuffix(image, ":latest") {
			t.Errorf("%s: image %q is not pinned by a tag", name, image)
		}
		if !ends[name] && dig(service, "healthcheck", "test") == nil {
			t.Errorf("%s has no healthcheck", name)
		}
	}
	for name, service := range services {
		aws := name == "localstack" || name == "vault-sqs"
		if got := text(service, "profiles"); (got == "[aws]") != aws || !aws && got != "" {
			t.Errorf("%s: profiles %q", name, got)
		}
		for on := range mapping(service, "depends_on") {
			if !aws && text(services[on], "profiles") != "" {
				t.Errorf("%s waits for %s, which only a profile starts", name, on)
			}
		}
	}
	for name, driver := range map[string]string{"vault": "postgres", "vault-sqs": "sqs"} {
		if got := text(services[name], "environment", "QUEUE_DRIVER"); got != driver {
			t.Errorf("%s: queue driver %q, want %s", name, got, driver)
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
		if dig(service, "build") == nil {
			continue // another program's variables
		}
		for variable := range environment {
			if !known[variable] {
				t.Errorf("%s sets %s, which no configuration reads", name, variable)
			}
		}
		for variable, value := range environment {
			if strings.HasSuffix(variable, "_KEYS") && !strings.HasPrefix(text(value), "${"+variable+":?") {
				t.Errorf("%s: %s has a value that everybody knows", name, variable)
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
