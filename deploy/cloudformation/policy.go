package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

// Policy is an IAM policy document.
type Policy struct {
	Version   string
	Statement []PolicyStatement
}

// PolicyStatement allows something.
type PolicyStatement struct {
	Sid, Effect      string
	Action, Resource []string
	Condition        map[string]map[string]string `json:",omitempty"`
}

// managedPolicy is how many signs IAM takes in a managed policy; blanks are not counted.
const managedPolicy = 6144

// Parts are policies that each fit into a managed one, and together allow the same.
func (p Policy) Parts() ([]Policy, error) {
	var out []Policy
	for _, s := range p.Statement {
		if len(out) > 0 {
			last := &out[len(out)-1]
			more := policy(append(slices.Clone(last.Statement), s))
			text, err := json.Marshal(more)
			if err != nil {
				return nil, fmt.Errorf("write the policy: %w", err)
			}
			if len(text) <= managedPolicy {
				*last = more
				continue
			}
		}
		out = append(out, policy([]PolicyStatement{s}))
	}
	return out, nil
}

// DeployerPolicy is what whoever runs a deployment's commands may do: the calls that these make themselves, and, unless a role
// of its own does that for CloudFormation, what CloudFormation does for them.
func (p Parameters) DeployerPolicy(at resolve.Account, stack string) Policy {
	out := p.ownCalls(at, stack)
	if p.ServiceRoleARN == "" {
		return policy(append(out, p.resourceCalls(at)...))
	}
	return policy(append(out, allow("PassServiceRole", []string{p.ServiceRoleARN}, "iam:PassRole").when("StringEquals", "iam:PassedToService", "cloudformation.amazonaws.com")))
}

// ServiceRolePolicy is what the role that CloudFormation takes on may do.
func (p Parameters) ServiceRolePolicy(at resolve.Account) Policy { return policy(p.resourceCalls(at)) }

func policy(statements []PolicyStatement) Policy { return Policy{"2012-10-17", statements} }

func allow(sid string, resources []string, actions ...string) PolicyStatement {
	return PolicyStatement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

func (s PolicyStatement) when(operator, key, value string) PolicyStatement {
	s.Condition = map[string]map[string]string{operator: {key: value}}
	return s
}

// of puts a service's name in front of its actions.
func of(service, actions string) []string {
	out := strings.Fields(actions)
	for i := range out {
		out[i] = service + ":" + out[i]
	}
	return out
}

// ownCalls are what apply, plan, check, destroy, status and audit ask of AWS themselves. Who signs in is asked without any right.
func (p Parameters) ownCalls(at resolve.Account, stack string) []PolicyStatement {
	bucket := func(name string) []string {
		return []string{"arn:" + at.Partition + ":s3:::" + name, "arn:" + at.Partition + ":s3:::" + name + "/*"}
	}
	in := func(service, resource string) []string {
		return []string{"arn:" + at.Partition + ":" + service + ":" + at.Region + ":" + at.ID + ":" + resource}
	}
	out := []PolicyStatement{
		// A plan beside a stack that failed makes its change set under another name.
		allow("Stack", append(in("cloudformation", "stack/"+stack+"/*"), in("cloudformation", "stack/"+stack+"-plan/*")...), of("cloudformation",
			"CreateChangeSet DeleteChangeSet DeleteStack DescribeChangeSet DescribeStackEvents DescribeStacks ExecuteChangeSet GetTemplate ListChangeSets TagResource UntagResource")...),
		// Lambda reads the zips with the rights of whoever makes the function.
		allow("Zips", bucket(p.ArtifactBucket), of("s3", "CreateBucket DeleteBucket DeleteObject DeleteObjectVersion GetObject ListBucket ListBucketVersions "+
			"PutBucketPolicy PutBucketPublicAccessBlock PutBucketVersioning PutObject")...),
		allow("LookAtRows", bucket(p.BucketName), of("s3", "GetLifecycleConfiguration GetObject ListBucket")...),
		// The bucket's own policy keeps ledgers from everybody but its writers.
		allow("SealAndRepair", bucket(p.BucketName)[1:], of("s3", "PutObject PutObjectTagging")...),
		allow("LookAtStream", []string{p.streamARN(at)}, of("kinesis", "DescribeStreamSummary GetRecords GetShardIterator ListShards PutRecord")...),
		allow("Key", in("secretsmanager", "secret:PrivateKey-*"), of("secretsmanager", "GetSecretValue PutSecretValue")...),
	}
	if p.ExistingBucket {
		out = append(out, allow("Notify", bucket(p.BucketName)[:1], of("s3", "GetBucketNotification PutBucketNotification")...))
	} else {
		out = append(out, allow("DeleteRows", bucket(p.BucketName), of("s3", "DeleteBucket DeleteObject DeleteObjectVersion ListBucketVersions")...))
	}
	if p.ExistingStreamARN == "" {
		out = append(out, allow("DeleteStream", []string{p.streamARN(at)}, "kinesis:DeleteStream"))
	}
	if keys := p.keys(); len(keys) > 0 {
		out = append(out, allow("Keys", keys, of("kms", "Decrypt DescribeKey GenerateDataKey")...))
	}
	return out
}

func (p Parameters) streamARN(at resolve.Account) string {
	if p.ExistingStreamARN != "" {
		return p.ExistingStreamARN
	}
	return "arn:" + at.Partition + ":kinesis:" + at.Region + ":" + at.ID + ":stream/" + p.StreamName
}

// keys are the customer's own that data is encrypted with.
func (p Parameters) keys() (out []string) {
	for _, key := range []string{p.StreamKeyARN, p.BucketKeyARN, p.QueueKeyARN, p.LogKeyARN, p.SecretKeyARN} {
		if key != "" && !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

// handled is what CloudFormation calls to make, read, change and delete resources of a type.
var handled = map[string][]string{
	"AWS::Kinesis::Stream": of("kinesis", "AddTagsToStream CreateStream DecreaseStreamRetentionPeriod DeleteStream DescribeStream DescribeStreamSummary DisableEnhancedMonitoring "+
		"EnableEnhancedMonitoring IncreaseStreamRetentionPeriod ListTagsForResource ListTagsForStream RemoveTagsFromStream StartStreamEncryption StopStreamEncryption TagResource "+
		"UntagResource UpdateShardCount UpdateStreamMode"),
	"AWS::Logs::LogGroup": of("logs", "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DisassociateKmsKey ListTagsForResource PutRetentionPolicy TagResource UntagResource"),
	"AWS::IAM::Role": of("iam", "CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies PutRolePermissionsBoundary PutRolePolicy TagRole "+
		"UntagRole UpdateAssumeRolePolicy UpdateRole"),
	"AWS::Lambda::Function": of("lambda", "CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration GetFunctionRecursionConfig ListTags TagResource "+
		"UntagResource UpdateFunctionCode UpdateFunctionConfiguration"),
	"AWS::Lambda::EventInvokeConfig":  of("lambda", "DeleteFunctionEventInvokeConfig GetFunctionEventInvokeConfig PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig"),
	"AWS::Lambda::Alias":              of("lambda", "CreateAlias DeleteAlias GetAlias GetProvisionedConcurrencyConfig UpdateAlias"),
	"AWS::Lambda::Permission":         of("lambda", "AddPermission GetPolicy RemovePermission"),
	"AWS::Lambda::EventSourceMapping": of("lambda", "CreateEventSourceMapping DeleteEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping"),
	"AWS::Events::Rule": of("events", "DeleteRule DescribeRule DisableRule EnableRule ListTagsForResource ListTargetsByRule PutRule PutTargets RemoveTargets TagResource "+
		"UntagResource"),
	"AWS::SQS::Queue":             of("sqs", "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue UntagQueue"),
	"AWS::SQS::QueuePolicy":       of("sqs", "GetQueueAttributes SetQueueAttributes"),
	"AWS::SecretsManager::Secret": of("secretsmanager", "CreateSecret DeleteSecret DescribeSecret TagResource UntagResource UpdateSecret"),
	// Reading a bucket asks for all of its settings, whether it has them or not.
	"AWS::S3::Bucket": of("s3", "CreateBucket DeleteBucket GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketCORS GetBucketLogging GetBucketNotification "+
		"GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration "+
		"GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket PutBucketNotification "+
		"PutBucketOwnershipControls PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration"),
	"AWS::S3::BucketPolicy":                 of("s3", "DeleteBucketPolicy GetBucketPolicy PutBucketPolicy"),
	"AWS::CloudWatch::Alarm":                of("cloudwatch", "DeleteAlarms DescribeAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource"),
	"AWS::CloudWatch::Dashboard":            of("cloudwatch", "DeleteDashboards GetDashboard PutDashboard"),
	"AWS::EC2::VPC":                         of("ec2", "CreateTags CreateVpc DeleteTags DeleteVpc DescribeVpcAttribute DescribeVpcs ModifyVpcAttribute"),
	"AWS::EC2::InternetGateway":             of("ec2", "CreateInternetGateway DeleteInternetGateway DescribeInternetGateways"),
	"AWS::EC2::VPCGatewayAttachment":        of("ec2", "AttachInternetGateway DescribeInternetGateways DetachInternetGateway"),
	"AWS::EC2::Subnet":                      of("ec2", "CreateSubnet DeleteSubnet DescribeAvailabilityZones DescribeSubnets ModifySubnetAttribute"),
	"AWS::EC2::RouteTable":                  of("ec2", "CreateRouteTable DeleteRouteTable DescribeRouteTables"),
	"AWS::EC2::Route":                       of("ec2", "CreateRoute DeleteRoute DescribeRouteTables ReplaceRoute"),
	"AWS::EC2::SubnetRouteTableAssociation": of("ec2", "AssociateRouteTable DescribeRouteTables DisassociateRouteTable"),
	"AWS::EC2::EIP":                         of("ec2", "AllocateAddress DescribeAddresses ReleaseAddress"),
	"AWS::EC2::NatGateway":                  of("ec2", "CreateNatGateway DeleteNatGateway DescribeNatGateways"),
	"AWS::EC2::VPCEndpoint":                 of("ec2", "CreateVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints ModifyVpcEndpoint"),
	"AWS::EC2::SecurityGroup":               of("ec2", "AuthorizeSecurityGroupEgress CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups RevokeSecurityGroupEgress"),
}

// resourceCalls are what CloudFormation asks of AWS for the resources of the template, by the names that these have.
func (p Parameters) resourceCalls(at resolve.Account) []PolicyStatement {
	in := func(service string, resources ...string) []string {
		for i, r := range resources {
			resources[i] = "arn:" + at.Partition + ":" + service + ":" + at.Region + ":" + at.ID + ":" + r
		}
		return resources
	}
	actions := func(types ...string) (out []string) {
		for _, t := range types {
			out = append(out, handled[t]...)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	const function, mapping = "function:", "event-source-mapping:*"
	role := func(name string) string { return p.roleARN(at.Partition, at.ID, at.Region, name) }
	roles := []string{role("orchestrator"), role("upsert"), role("snowflake-storage")}
	makeRoles := allow("Roles", roles, actions("AWS::IAM::Role")...)
	out := []PolicyStatement{makeRoles}
	if p.PermissionsBoundaryARN != "" {
		// Whoever deploys makes roles with these bounds and no others, and does not take them away.
		bound := of("iam", "CreateRole PutRolePermissionsBoundary PutRolePolicy")
		out[0].Action = slices.DeleteFunc(makeRoles.Action, func(a string) bool { return slices.Contains(bound, a) })
		out = append(out, allow("BoundRoles", roles, bound...).when("StringEquals", "iam:PermissionsBoundary", p.PermissionsBoundaryARN))
	} else {
		out[0].Action = append(out[0].Action, "iam:DeleteRolePermissionsBoundary")
	}
	logs := in("logs", "log-group:/aws/lambda/"+p.OrchestratorName, "log-group:/aws/lambda/"+p.OrchestratorName+":*", "log-group:/aws/lambda/"+p.UpsertName, "log-group:/aws/lambda/"+p.UpsertName+":*")
	mapped := allow("Mapping", []string{"*"}, actions("AWS::Lambda::EventSourceMapping")...)
	out = append(out,
		allow("PassRoles", roles[:2], "iam:PassRole").when("StringEquals", "iam:PassedToService", "lambda.amazonaws.com"),
		allow("Logs", logs, actions("AWS::Logs::LogGroup")...), allow("FindLogs", []string{"*"}, "logs:DescribeLogGroups"),
		allow("Functions", in("lambda", function+p.OrchestratorName, function+p.UpsertName, function+p.UpsertName+":*"),
			actions("AWS::Lambda::Function", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Alias", "AWS::Lambda::Permission")...),
		// A mapping has no name: it is told by its function.
		mapped.when("ArnLike", "lambda:FunctionArn", in("lambda", function+p.OrchestratorName)[0]), allow("TagMapping", in("lambda", mapping), of("lambda", "ListTags TagResource UntagResource")...),
		allow("Sweep", in("events", "rule/"+p.Environment+"-sweep"), actions("AWS::Events::Rule")...),
		allow("Queue", in("sqs", p.Environment+"-upsert-failures"), actions("AWS::SQS::Queue", "AWS::SQS::QueuePolicy")...),
		// It has no name of its own, but that of the template and some signs.
		allow("Secret", in("secretsmanager", "secret:PrivateKey-*"), actions("AWS::SecretsManager::Secret")...),
		allow("Zip", []string{"arn:" + at.Partition + ":s3:::" + p.ArtifactBucket + "/*"}, "s3:GetObject"),
		allow("Alarms", in("cloudwatch", "alarm:"+p.Environment+"-*"), actions("AWS::CloudWatch::Alarm")...),
		allow("Dashboard", []string{"arn:" + at.Partition + ":cloudwatch::" + at.ID + ":dashboard/" + p.Environment + "-" + at.Region}, actions("AWS::CloudWatch::Dashboard")...),
	)
	if p.ExistingStreamARN == "" {
		out = append(out, allow("Stream", []string{p.streamARN(at)}, actions("AWS::Kinesis::Stream")...))
	}
	if !p.ExistingBucket {
		out = append(out, allow("RawZone", []string{"arn:" + at.Partition + ":s3:::" + p.BucketName}, actions("AWS::S3::Bucket", "AWS::S3::BucketPolicy")...))
	}
	switch {
	case p.NAT: // nothing in it has a name before it is there
		network := slices.DeleteFunc(slices.Sorted(maps.Keys(handled)), func(t string) bool { return !strings.HasPrefix(t, "AWS::EC2::") })
		out = append(out, allow("Network", []string{"*"}, actions(network...)...).when("StringEquals", "aws:RequestedRegion", at.Region))
	case len(p.ExistingSubnets) > 0:
		out = append(out, allow("Network", []string{"*"}, of("ec2", "DescribeSecurityGroups DescribeSubnets DescribeVpcs")...))
	}
	if keys := p.keys(); len(keys) > 0 {
		out = append(out, allow("EncryptWithKeys", keys, of("kms", "Decrypt DescribeKey GenerateDataKey")...))
	}
	return out
}
