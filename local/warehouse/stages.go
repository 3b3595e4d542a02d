package warehouse

import (
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

func (x *execution) createStage(st *dialect.CreateStage) (*result, error) {
	o := &object{Kind: "STAGE", Name: st.Name, Comment: st.Comment, Body: body{URL: st.URL, Integration: st.Integration, Options: st.Format,
		FormatName: formatName(st.Format, x.session.env())}}
	if st.Temporary {
		o.Body.Session = x.session.id
	}
	if err := checkStage(x.runner.catalog, o); err != nil {
		return nil, err
	}
	said, err := x.create(o, st.OrReplace, st.IfNotExists)
	if err == nil && strings.HasSuffix(*said.rows[0][0], "created.") {
		said = message(typeDDL, "Stage area %s successfully created.", st.Name.Object)
	}
	return said, err
}

func (x *execution) listStage(st *dialect.List) (*result, error) {
	_, p, err := locate(x.runner.catalog, st.Stage)
	if err != nil {
		return nil, err
	}
	files, err := x.runner.buckets.listFiles(x.ctx, p, st.Pattern)
	if err != nil {
		return nil, err
	}
	t := newTable(typeSelect, "name", "size", "md5", "last_modified")
	for _, f := range files {
		t.add("s3://"+p.bucket+"/"+f.key, f.size, strings.Trim(f.etag, `"`), f.modified.UTC().Format(time.RFC1123))
	}
	return t.res, nil
}

// createIntegration records who may read what. The external id is minted unless one is given, and survives until the
// integration is replaced.
func (x *execution) createIntegration(st *dialect.CreateIntegration) (*result, error) {
	if provider := st.Options.Text("STORAGE_PROVIDER"); !strings.EqualFold(provider, "S3") {
		return nil, unsupported("STORAGE_PROVIDER = " + provider)
	}
	if _, ok := st.Options.Get("STORAGE_ALLOWED_LOCATIONS"); !ok {
		return nil, refuse(2, "22023", "SQL compilation error:\nMissing option(s): [STORAGE_ALLOWED_LOCATIONS].")
	}
	external := st.Options.Text("STORAGE_AWS_EXTERNAL_ID")
	if external == "" {
		external = strings.ToUpper(x.runner.account.Name) + "_SFCRole=2_" + newToken()[:24]
	}
	o := &object{Kind: "INTEGRATION", Name: dialect.Name{Object: st.Name}, Comment: st.Comment, Body: body{Options: st.Options, ExternalID: external}}
	return x.create(o, st.OrReplace, st.IfNotExists)
}
