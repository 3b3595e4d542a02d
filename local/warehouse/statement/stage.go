package statement

import (
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

func (x *execution) createStage(st *dialect.CreateStage) (*answer.Result, error) {
	o := &catalog.Object{Kind: "STAGE", Name: st.Name, Comment: st.Comment, Body: catalog.Body{URL: st.URL, Integration: st.Integration, Options: st.Format,
		FormatName: stage.FormatName(st.Format, x.Session.Env())}}
	if st.Temporary {
		o.Body.Session = x.Session.ID
	}
	if err := stage.CheckStage(x.runner.Catalog, o); err != nil {
		return nil, err
	}
	said, err := x.create(o, st.OrReplace, st.IfNotExists)
	if err == nil && strings.HasSuffix(*said.Rows[0][0], "created.") {
		said = answer.Message(answer.TypeDDL, "Stage area %s successfully created.", st.Name.Object)
	}
	return said, err
}

func (x *execution) listStage(st *dialect.List) (*answer.Result, error) {
	_, p, err := stage.Locate(x.runner.Catalog, st.Stage)
	if err != nil {
		return nil, err
	}
	files, err := x.runner.Buckets.ListFiles(x.ctx, p, st.Pattern)
	if err != nil {
		return nil, err
	}
	t := answer.NewTable(answer.TypeSelect, "name", "size", "md5", "last_modified")
	for _, f := range files {
		t.Add("s3://"+p.Bucket+"/"+f.Key, f.Size, strings.Trim(f.ETag, `"`), f.Modified.UTC().Format(time.RFC1123))
	}
	return t.Res, nil
}

// createIntegration records who may read what. The external id is minted unless one is given, and survives until the
// integration is replaced.
func (x *execution) createIntegration(st *dialect.CreateIntegration) (*answer.Result, error) {
	if provider := st.Options.Text("STORAGE_PROVIDER"); !strings.EqualFold(provider, "S3") {
		return nil, fault.Unsupported("STORAGE_PROVIDER = " + provider)
	}
	if _, ok := st.Options.Get("STORAGE_ALLOWED_LOCATIONS"); !ok {
		return nil, fault.New(2, "22023", "SQL compilation error:\nMissing option(s): [STORAGE_ALLOWED_LOCATIONS].")
	}
	external := st.Options.Text("STORAGE_AWS_EXTERNAL_ID")
	if external == "" {
		external = strings.ToUpper(x.runner.Account.Name) + "_SFCRole=2_" + session.NewToken()[:24]
	}
	o := &catalog.Object{Kind: "INTEGRATION", Name: dialect.Name{Object: st.Name}, Comment: st.Comment, Body: catalog.Body{Options: st.Options, ExternalID: external}}
	return x.create(o, st.OrReplace, st.IfNotExists)
}
