package servers_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
)

// readyScript runs LocalStack's script with the real command line of AWS under
// the name that LocalStack gives it.
func readyScript(t *testing.T, s *servers.Server, vars map[string]string) {
	t.Helper()
	cli, err := servers.CLI()
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "awslocal"), []byte(servers.Awslocal(cli, s.URL)), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "../../localstack/init/ready.d/10-docuvault.sh")
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey}
	for name, value := range vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// attributes are those that the script sets, of every queue.
func attributes(t *testing.T, s *servers.Server, prefix string) (all []string) {
	t.Helper()
	c := sqs.New(sqs.Options{BaseEndpoint: &s.URL, Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey}, nil
		})})
	for _, queue := range queues() {
		got, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl:       aws.String(s.URL + "/000000000000/" + prefix + queue),
			AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout, types.QueueAttributeNameRedrivePolicy},
		})
		if err != nil || !strings.Contains(got.Attributes["RedrivePolicy"], prefix+queue+"-dead") {
			t.Fatalf("the attributes of %s: %+v, %v", queue, got, err)
		}
		all = append(all, fmt.Sprint(got.Attributes))
	}
	return all
}

// LocalStack's script makes what a vault needs, and running it again changes
// nothing, also while the queues hold messages.
func TestLocalStackScript(t *testing.T) {
	t.Parallel()
	s := servers.SQS(t)
	name := "l" + strings.ToLower(rand.Text())
	vars := map[string]string{
		"QUEUE_DRIVER": "sqs", "SQS_ENDPOINT": s.URL, "SQS_QUEUE_PREFIX": name + "-",
		"AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.SecretKey,
		"S3_ENDPOINT": s.URL, "S3_ACCESS_KEY": s.AccessKey, "S3_SECRET_KEY": s.SecretKey,
		"S3_BUCKET": name + "-documents", "S3_DERIVED_BUCKET": name + "-derived",
	}
	readyScript(t, s, vars)
	q, err := queue.NewSQS(queue.SQSConfig{Endpoint: s.URL, Prefix: name + "-", AccessKey: s.AccessKey, SecretKey: secret.New(s.SecretKey)}, queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, queue := range queues() {
		if _, err := q.Dead(t.Context(), queue, 1); err != nil {
			t.Errorf("the script makes no dead letters of %s: %v", queue, err)
		}
	}
	before := attributes(t, s, name+"-")
	readyScript(t, s, vars)
	if after := attributes(t, s, name+"-"); !slices.Equal(before, after) {
		t.Errorf("running it again makes of\n%q\n%q", before, after)
	}

	// A vault lives on it.
	w := vaulttest.New(t, vars)
	w.Work(t)
	anna := w.User(t)
	content := vaulttest.Unique(t, 300)
	b := anna.Begin(t, "note.bin", "application/octet-stream", content)
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	testenv.Eventually(t, time.Minute, "the document is ready", func() bool { return w.Status(t, b.Document.ID) == "ready" })
	if dead, err := q.Dead(t.Context(), job.UploadComplete, 9); err != nil || len(dead) != 0 {
		t.Errorf("%d dead letters, %v", len(dead), err)
	}
}
