// Package e2e tests the system as a whole: the record path's contract against a real S3 server, and the command as
// its users run it.
package e2e
