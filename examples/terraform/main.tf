# snowstream by Terraform or OpenTofu, in two passes: docs/terraform.md says when to run which. This file was written by the providers'
# documentation and has not been checked by `terraform validate`: the providers could not be had where snowstream is built.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "environment" { default = "snowstream" }
variable "bucket" { type = string }
variable "artifact_bucket" { type = string }
variable "orchestrator_zip" { type = string }
variable "upsert_zip" { type = string }
variable "snowflake_account" { type = string }
variable "external_id" { type = string }

# Of DESC INTEGRATION, after the first half of `snowstream deploy sql`.
variable "storage_user_arn" { type = string }

# Of SHOW PIPES, after the second half: empty in the first pass, set in the second.
variable "pipe_queue_arn" { default = "" }

resource "aws_cloudformation_stack" "snowstream" {
  name          = var.environment
  template_body = file("${path.module}/template.yaml") # snowstream deploy template --compact > template.yaml
  capabilities  = ["CAPABILITY_NAMED_IAM"]
  tags          = { "snowstream:environment" = var.environment }

  parameters = {
    Environment       = var.environment
    BucketName        = var.bucket
    ArtifactBucket    = var.artifact_bucket
    OrchestratorZip   = var.orchestrator_zip
    UpsertZip         = var.upsert_zip
    SnowflakeAccount  = var.snowflake_account
    SnowflakeUser     = "SNOWSTREAM_UPSERT"
    SnowflakeRole     = "SNOWSTREAM_WRITER"
    SnowflakeDatabase = "SNOWSTREAM"
    SnowflakeSchema   = "LANDING"
    StreamingTable    = "KINESIS_SENSORS_STREAMING"
    Pipe              = "SNOWSTREAM_PIPE"
    StorageUserARN    = var.storage_user_arn
    ExternalID        = var.external_id
    PipeQueueARN      = var.pipe_queue_arn
  }
}

output "secret_arn" { value = aws_cloudformation_stack.snowstream.outputs["SecretARN"] }
