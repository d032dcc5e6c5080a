package layout

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docuvault/functions"
	"docuvault/functions/workers/analyze"
	"docuvault/shared/analysis"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/job"
)

// queues are the system's queues, and their resources in template.yaml.
var queues = map[string]string{
	job.UploadComplete: "UploadCompleteQueue",
	job.Analyze:        "AnalyzeQueue",
	job.Purge:          "PurgeQueue",
	job.Erase:          "EraseQueue",
	job.Mail:           "MailQueue",
}

// migrates is the resource that is no function of the system: the one that
// CloudFormation has migrate the database.
const migrates = "MigrateFunction"

// deployed returns template.yaml and its functions by their names in the code.
func deployed(t *testing.T) (template map[string]any, byName map[string]map[string]any) {
	t.Helper()
	template, byName = deployedAs(t, "template.yaml")
	for name := range byName {
		if want := logicalName(name); dig(template, "Resources", want) == nil {
			t.Errorf("template.yaml does not call %s %s", name, want)
		}
	}
	return template, byName
}

// deployedAs returns one of the templates, and its functions, or groups of them,
// by their names in the stack.
func deployedAs(t *testing.T, file string) (template map[string]any, byName map[string]map[string]any) {
	t.Helper()
	template = parse(t, file)
	byName = map[string]map[string]any{}
	for logical, resource := range mapping(template, "Resources") {
		if text(resource, "Type") != "AWS::Serverless::Function" || logical == migrates {
			continue
		}
		name := strings.TrimPrefix(text(resource, "Properties", "FunctionName"), "!Sub ${AWS::StackName}-")
		if byName[name] != nil {
			t.Errorf("%s has %s twice", file, name)
		}
		byName[name] = resource.(map[string]any)
	}
	return template, byName
}

// logicalName is a function's name as CloudFormation allows it.
func logicalName(name string) string {
	var logical strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		logical.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return logical.String() + "Function"
}

// TestTemplateFunctions holds template.yaml equal to functions.All: the same
// functions, each with its main and its trigger.
func TestTemplateFunctions(t *testing.T) {
	t.Parallel()
	_, byName := deployed(t)
	for _, fn := range functions.All {
		resource := byName[fn.Name]
		if resource == nil {
			t.Errorf("template.yaml lacks %s", fn.Name)
			continue
		}
		delete(byName, fn.Name)
		if got, want := text(resource, "Properties", "CodeUri"), folder(fn)+"/bootstrap"; got != want {
			t.Errorf("%s: CodeUri is %s, want %s", fn.Name, got, want)
		}
		if got := text(resource, "Metadata", "BuildMethod"); got != "go1.x" {
			t.Errorf("%s: BuildMethod is %q", fn.Name, got)
		}
		events := mapping(resource, "Properties", "Events")
		if len(events) != 1 {
			t.Errorf("%s has %d events, want its one trigger", fn.Name, len(events))
			continue
		}
		for _, event := range events {
			checkTrigger(t, fn, event)
		}
	}
	for name := range byName {
		t.Errorf("template.yaml has %s, which functions.All does not", name)
	}
}

func checkTrigger(t *testing.T, fn host.Function, event any) {
	t.Helper()
	kind := map[string]string{"http": "HttpApi", "queue": "SQS", "schedule": "Schedule"}[fn.Trigger.Kind()]
	if got := text(event, "Type"); got != kind {
		t.Errorf("%s: its event is %s, want %s", fn.Name, got, kind)
		return
	}
	properties := mapping(event, "Properties")
	switch fn.Trigger.Kind() {
	case "http":
		route := fn.Trigger.(*hosthttp.Route)
		if got, want := text(properties, "Method")+" "+text(properties, "Path"), route.Method()+" "+route.Path(); got != want {
			t.Errorf("%s: its route is %s, want %s", fn.Name, got, want)
		}
		if text(properties, "PayloadFormatVersion") != "2.0" || text(properties, "ApiId") != "!Ref Api" {
			t.Errorf("%s: want payload 2.0 of the one API", fn.Name)
		}
	case "queue":
		if got, want := text(properties, "Queue"), "!GetAtt "+queues[fn.Trigger.Source()]+".Arn"; got != want {
			t.Errorf("%s: its queue is %s, want %s", fn.Name, got, want)
		}
		// Without it, one bad message brings a whole batch again.
		types, _ := properties["FunctionResponseTypes"].([]any)
		if !slices.Contains(types, any("ReportBatchItemFailures")) {
			t.Errorf("%s: its event lacks ReportBatchItemFailures", fn.Name)
		}
	case "schedule":
		if got := text(properties, "Schedule"); got != fn.Trigger.Source() {
			t.Errorf("%s: its schedule is %s, want %s", fn.Name, got, fn.Trigger.Source())
		}
	}
}

// TestTemplateGlobals holds what all functions share.
func TestTemplateGlobals(t *testing.T) {
	t.Parallel()
	template, _ := deployed(t)
	all := mapping(template, "Globals", "Function")
	if text(all, "Runtime") != "provided.al2023" || text(all, "Handler") != "bootstrap" {
		t.Errorf("functions run %s on %s, want bootstrap on provided.al2023", text(all, "Handler"), text(all, "Runtime"))
	}
	if text(all, "Architectures") != "[!Ref Architecture]" || text(template, "Parameters", "Architecture", "Default") != "arm64" {
		t.Errorf("functions are built for %s, want what the parameter says, arm64 by default", text(all, "Architectures"))
	}
}

// TestTemplateMigration wants the schema migrated before any function that uses
// it comes, and again whenever the code changes that holds the migrations; by a
// function that alone reads the owner's connection string, and nothing else.
func TestTemplateMigration(t *testing.T) {
	t.Parallel()
	for _, file := range templates {
		template, byName := deployedAs(t, file)
		for name, resource := range byName {
			if text(resource, "DependsOn") != "Migration" {
				t.Errorf("%s: %s does not wait for the migration: DependsOn: Migration", file, name)
			}
		}
		checkMigration(t, file, template)
	}
}

func checkMigration(t *testing.T, file string, template map[string]any) {
	t.Helper()
	resource := mapping(template, "Resources", "Migration", "Properties")
	if text(resource, "ServiceToken") != "!GetAtt "+migrates+".Arn" || text(resource, "Code") != "!Ref "+migrates+".Version" {
		t.Errorf("the migration is %v: want it done by %s, and again for each version of that", resource, migrates)
	}
	function := mapping(template, "Resources", migrates, "Properties")
	const variable, secret = "DATABASE_MIGRATE_URL_SECRET_ARN", "!Ref DatabaseMigrateUrlSecretArn"
	if got := mapping(function, "Environment", "Variables"); len(got) != 1 || got[variable] != secret {
		t.Errorf("%s has the variables %v", migrates, got)
	}
	if policies := text(function, "Policies"); policies != "[map[AWSSecretsManagerGetSecretValuePolicy:map[SecretArn:"+secret+"]]]" {
		t.Errorf("%s may %s", migrates, policies)
	}
	if text(function, "AutoPublishAlias") == "" {
		t.Errorf("%s has no versions", migrates)
	}
	if n := strings.Count(read(t, file), secret); n != 2 {
		t.Errorf("%s refers to the owner's connection string %d times, want twice, in %s", file, n, migrates)
	}
}

// TestTemplateQueues wants for each queue: its name, a dead letter queue after
// five tries, encryption, and a visibility of at least six times the timeout of
// the function that consumes it.
func TestTemplateQueues(t *testing.T) {
	t.Parallel()
	template, byName := deployed(t)
	for _, fn := range functions.All {
		if fn.Trigger.Kind() == "queue" && queues[fn.Trigger.Source()] == "" {
			t.Errorf("queue %s of %s is not in this test's list", fn.Trigger.Source(), fn.Name)
		}
	}
	for name, logical := range queues {
		queue := mapping(template, "Resources", logical, "Properties")
		if got, want := text(queue, "QueueName"), "!Sub ${AWS::StackName}-"+name; got != want {
			t.Errorf("%s: QueueName is %q, want %q", logical, got, want)
		}
		if text(queue, "SqsManagedSseEnabled") != "true" {
			t.Errorf("%s is not encrypted", logical)
		}
		if got := number(queue, "RedrivePolicy", "maxReceiveCount"); got != 5 {
			t.Errorf("%s: %d tries before the dead letter queue, want 5", logical, got)
		}
		target, _ := strings.CutSuffix(strings.TrimPrefix(text(queue, "RedrivePolicy", "deadLetterTargetArn"), "!GetAtt "), ".Arn")
		if text(template, "Resources", target, "Type") != "AWS::SQS::Queue" {
			t.Errorf("%s has no dead letter queue", logical)
		}
		for _, watched := range [][2]string{{target, "ApproximateNumberOfMessagesVisible"}, {logical, "ApproximateAgeOfOldestMessage"}} {
			if !alarmed(template, watched[1], "!GetAtt "+watched[0]+".QueueName") {
				t.Errorf("there is no alarm for %s of %s", watched[1], watched[0])
			}
		}
		consumed := false
		for _, fn := range functions.All {
			if fn.Trigger.Kind() != "queue" || fn.Trigger.Source() != name {
				continue
			}
			consumed = true
			timeout := number(byName[fn.Name], "Properties", "Timeout")
			if timeout == 0 {
				timeout = number(template, "Globals", "Function", "Timeout")
			}
			if got := number(queue, "VisibilityTimeout"); got < 6*timeout {
				t.Errorf("%s: a message is hidden for %d s, want at least 6 times the %d s of %s", logical, got, timeout, fn.Name)
			}
			// A function whose time is over before its lease would refuse to hold
			// its message, and fail each time.
			if least := int(analysis.Lease.Seconds()) + 60; fn.Name == analyze.Function.Name && timeout < least {
				t.Errorf("%s has %d s, want at least %d: a lease, and a minute to begin and end", fn.Name, timeout, least)
			}
		}
		if !consumed {
			t.Errorf("nothing consumes queue %s", name)
		}
	}
}

// alarmed reports whether the stack has an alarm for a metric of one thing, whose
// topic hears of it.
func alarmed(template map[string]any, metric, of string) bool {
	for name := range mapping(template, "Resources") {
		p := mapping(template, "Resources", name, "Properties")
		if text(template, "Resources", name, "Type") == "AWS::CloudWatch::Alarm" && text(p, "MetricName") == metric &&
			strings.Contains(fmt.Sprint(dig(p, "Dimensions")), of) && strings.Contains(fmt.Sprint(dig(p, "AlarmActions")), "AlarmTopicArn") {
			return true
		}
	}
	return false
}

// TestTemplateBuckets wants both buckets closed to the public and kept when the
// stack goes, and notifications of the documents' bucket alone.
func TestTemplateBuckets(t *testing.T) {
	t.Parallel()
	template, _ := deployed(t)
	for _, logical := range []string{"DocumentsBucket", "DerivedBucket"} {
		bucket := mapping(template, "Resources", logical)
		block := mapping(bucket, "Properties", "PublicAccessBlockConfiguration")
		for _, key := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			if block[key] != true {
				t.Errorf("%s: %s is not true", logical, key)
			}
		}
		if text(bucket, "DeletionPolicy") != "Retain" {
			t.Errorf("%s would be deleted with the stack", logical)
		}
	}
	notifications := text(template, "Resources", "DocumentsBucket", "Properties", "NotificationConfiguration")
	if !strings.Contains(notifications, "s3:ObjectCreated:*") || !strings.Contains(notifications, "!GetAtt UploadCompleteQueue.Arn") {
		t.Errorf("the documents' bucket does not notify the queue uploadcomplete: %s", notifications)
	}
	if dig(template, "Resources", "DerivedBucket", "Properties", "NotificationConfiguration") != nil {
		t.Error("the derived bucket has notifications")
	}
}

// tooWide finds all actions of a service, and all resources.
var tooWide = regexp.MustCompile(`[a-z0-9]:\*[ \]]|Resource:(\[)?\*|Action:(\[)?\*`)

// TestTemplatePolicies wants each function to be allowed to read exactly the
// secrets that its environment names, and to send to queues only where it is
// told of them.
func TestTemplatePolicies(t *testing.T) {
	t.Parallel()
	for _, file := range templates {
		_, byName := deployedAs(t, file)
		checkPolicies(t, byName)
	}
}

func checkPolicies(t *testing.T, byName map[string]map[string]any) {
	t.Helper()
	for name, resource := range byName {
		var named, allowed []string
		variables := mapping(resource, "Properties", "Environment", "Variables")
		for variable, value := range variables {
			if strings.HasSuffix(variable, "_SECRET_ARN") {
				named = append(named, fmt.Sprint(value))
			}
		}
		policies, _ := dig(resource, "Properties", "Policies").([]any)
		sends := false
		for _, policy := range policies {
			for kind, of := range policy.(map[string]any) {
				switch kind {
				case "AWSSecretsManagerGetSecretValuePolicy":
					allowed = append(allowed, text(of, "SecretArn"))
				case "Statement":
					sends = sends || strings.Contains(fmt.Sprint(of), "Action:[sqs:GetQueueUrl sqs:SendMessage*]")
					if said := fmt.Sprint(of); tooWide.MatchString(said) {
						t.Errorf("%s may do %s: name what it does, and with what", name, said)
					}
				default:
					t.Errorf("%s has a policy of a kind that this test does not know: %s", name, kind)
				}
			}
		}
		slices.Sort(named)
		slices.Sort(allowed)
		if !slices.Equal(named, allowed) {
			t.Errorf("%s is told of the secrets %v and may read %v", name, named, allowed)
		}
		if told := variables["QUEUE_DRIVER"] == "sqs"; told != sends {
			t.Errorf("%s: it may send to a queue: %t; it is told of queues: %t", name, sends, told)
		}
	}
}

// TestTemplateOverwrite wants storage itself to refuse a write that does not say
// "only if nothing is there", and to let parts of an upload pass, which cannot
// say it.
func TestTemplateOverwrite(t *testing.T) {
	t.Parallel()
	template, _ := deployed(t)
	policy := mapping(template, "Resources", "DocumentsBucketPolicy", "Properties")
	statements, _ := dig(policy, "PolicyDocument", "Statement").([]any)
	if text(policy, "Bucket") != "!Ref DocumentsBucket" || len(statements) == 0 {
		t.Fatalf("the documents' bucket has the policy %v", policy)
	}
	s := statements[0]
	if text(s, "Effect") != "Deny" || text(s, "Principal") != "*" || text(s, "Action") != "s3:PutObject" ||
		text(s, "Resource") != "!Sub arn:${AWS::Partition}:s3:::${DocumentsBucketName}/*" ||
		text(s, "Condition") != "map[Bool:map[s3:ObjectCreationOperation:true] Null:map[s3:if-none-match:true]]" {
		t.Errorf("the documents' bucket denies %v", s)
	}
}

// TestTemplateTLS wants every bucket to refuse what comes without TLS or with one
// older than 1.2, for itself and for its objects, and CloudFront to speak nothing
// else, to people (whom it may lead from http: to the page) and to the API. An HTTP
// API has no other listener.
func TestTemplateTLS(t *testing.T) {
	t.Parallel()
	template, _ := deployed(t)
	resources := mapping(template, "Resources")
	for logical, resource := range resources {
		if text(resource, "Type") != "AWS::S3::Bucket" {
			continue
		}
		policy := mapping(resources, logical+"Policy", "Properties")
		if text(policy, "Bucket") != "!Ref "+logical {
			t.Errorf("%s has no policy %sPolicy", logical, logical)
			continue
		}
		arn := "!Sub arn:${AWS::Partition}:s3:::${" + logical + "Name}"
		own := "[" + arn + " " + arn + "/*]"
		if dig(template, "Parameters", logical+"Name") == nil { // the stack names it
			own = "[!GetAtt " + logical + ".Arn !Sub ${" + logical + ".Arn}/*]"
		}
		denied := map[string]bool{}
		statements, _ := dig(policy, "PolicyDocument", "Statement").([]any)
		for _, s := range statements {
			if text(s, "Effect") == "Deny" && text(s, "Principal") == "*" && text(s, "Action") == "s3:*" && text(s, "Resource") == own {
				denied[text(s, "Condition")] = true
			}
		}
		for _, condition := range []string{"map[Bool:map[aws:SecureTransport:false]]", "map[NumericLessThan:map[s3:TlsVersion:1.2]]"} {
			if !denied[condition] {
				t.Errorf("%s does not refuse %s", logical, condition)
			}
		}
	}
	config := mapping(resources, "Front", "Properties", "DistributionConfig")
	if got := text(config, "ViewerCertificate", "MinimumProtocolVersion"); got != "TLSv1.2_2021" {
		t.Errorf("CloudFront takes %s from people", got)
	}
	behaviours, _ := dig(config, "CacheBehaviors").([]any)
	for _, b := range append(behaviours, dig(config, "DefaultCacheBehavior")) {
		switch policy := text(b, "ViewerProtocolPolicy"); {
		case policy == "https-only":
		case policy == "redirect-to-https" && text(b, "TargetOriginId") == "page":
		default:
			t.Errorf("CloudFront answers %s for %s without TLS: %q", text(b, "PathPattern"), text(b, "TargetOriginId"), policy)
		}
	}
	origins, _ := dig(config, "Origins").([]any)
	for _, origin := range origins {
		custom := mapping(origin, "CustomOriginConfig")
		if text(origin, "Id") == "api" && (text(custom, "OriginProtocolPolicy") != "https-only" || text(custom, "OriginSSLProtocols") != "[TLSv1.2]") {
			t.Errorf("CloudFront speaks %v to the API", custom)
		}
	}
	if pattern := text(template, "Parameters", "PublicUrl", "AllowedPattern"); !strings.HasPrefix(pattern, "^https://") {
		t.Errorf("PublicUrl may be %s", pattern)
	}
}

// TestTemplateVariables wants every variable to be one that the code reads, and
// the migrations' connection string in no function.
func TestTemplateVariables(t *testing.T) {
	t.Parallel()
	known := configured(t)
	template, byName := deployed(t)
	variables := map[string]bool{}
	for name := range mapping(template, "Globals", "Function", "Environment", "Variables") {
		variables[name] = true
	}
	for _, resource := range byName {
		for name := range mapping(resource, "Properties", "Environment", "Variables") {
			variables[name] = true
		}
	}
	for name := range variables {
		base := strings.TrimSuffix(name, "_SECRET_ARN")
		if !known[base] {
			t.Errorf("template.yaml sets %s, which no configuration reads", name)
		}
		if base == "DATABASE_MIGRATE_URL" {
			t.Error("a function has DATABASE_MIGRATE_URL")
		}
	}
	if strings.Contains(read(t, "template.yaml"), "DATABASE_MIGRATE_URL:") {
		t.Error("template.yaml gives somebody DATABASE_MIGRATE_URL")
	}
}

var (
	tag      = regexp.MustCompile("`env:\"([A-Z0-9_]+)")
	literal  = regexp.MustCompile(`"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"`)
	testFile = regexp.MustCompile(`_test\.go$|test/`)
)

// configured lists the variables that some Config struct or main reads.
func configured(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	goFiles(t, func(path, source string) {
		if testFile.MatchString(path) {
			return
		}
		for _, pattern := range []*regexp.Regexp{tag, literal} {
			for _, match := range pattern.FindAllStringSubmatch(source, -1) {
				known[match[1]] = true
			}
		}
	})
	return known
}

// TestSizes reports how large the functions' binaries are; an answer to "why
// has this cold start become slow".
func TestSizes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("links three functions; left out with -short")
	}
	pick := map[string]string{}
	for _, fn := range functions.All {
		pick[fn.Trigger.Kind()] = fn.Name
	}
	for _, name := range slices.Sorted(maps.Values(pick)) {
		fn := functions.All[slices.IndexFunc(functions.All, func(f host.Function) bool { return f.Name == name })]
		binary := filepath.Join(t.TempDir(), name)
		build(t, binary, "./"+folder(fn)+"/bootstrap")
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		mib := float64(info.Size()) / (1 << 20)
		t.Logf("%s: %.1f MiB", name, mib)
		// Lambda's limit is 250 MB unpacked; ours is that a cold start stays fast.
		if mib > 60 {
			t.Errorf("%s is %.1f MiB", name, mib)
		}
	}
}
