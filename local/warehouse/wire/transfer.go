package wire

import "github.com/snowstream/snowstream/local/warehouse/answer"

// transferData is what the answer of PUT and GET has besides: the driver moves the files itself.
type transferData struct {
	Command      string    `json:"command"`
	Kind         string    `json:"kind"`
	Operation    string    `json:"operation"`
	Sources      []string  `json:"src_locations"`
	Local        string    `json:"localLocation,omitempty"`
	Parallel     int64     `json:"parallel"`
	Threshold    int64     `json:"threshold"`
	AutoCompress bool      `json:"autoCompress"`
	Compression  string    `json:"sourceCompression,omitempty"`
	Overwrite    bool      `json:"overwrite"`
	Addresses    []string  `json:"presignedUrls,omitempty"`
	Encryption   *struct{} `json:"encryptionMaterial"`
	ShowEncrypt  bool      `json:"clientShowEncryptionParameter"`
	Stage        stageInfo `json:"stageInfo"`
}

// stageInfo says where the files of a stage are.
type stageInfo struct {
	// LocationType is LOCAL_FS for a folder that the client writes to itself, or GCS. That is the one kind of remote stage
	// whose drivers send each file to an address that the server gives, whatever its scheme and host.
	LocationType  string            `json:"locationType"`
	Location      string            `json:"location"`
	Path          string            `json:"path"`
	Region        string            `json:"region"`
	Encrypted     bool              `json:"isClientSideEncrypted"`
	Credentials   map[string]string `json:"creds"`
	Address       *string           `json:"presignedUrl"`
	EndPoint      *string           `json:"endPoint"`
	RegionalURL   bool              `json:"useRegionalUrl"`
	VirtualURL    bool              `json:"useVirtualUrl"`
	RegionalS3URL bool              `json:"useS3RegionalUrl"`
}

// encodeTransfer is nil for every answer but those of PUT and GET. host is what the client calls this server.
func encodeTransfer(t *answer.Transfer, host string) *transferData {
	if t == nil {
		return nil
	}
	data := &transferData{Command: "DOWNLOAD", Kind: "GET_FILES", Operation: "Node", Sources: append([]string{}, t.Sources...), Local: t.Local, Parallel: t.Parallel,
		Threshold: 200 << 20, AutoCompress: t.AutoCompress, Compression: t.Compression, Overwrite: t.Overwrite,
		Stage: stageInfo{LocationType: "LOCAL_FS", Location: t.Folder, Credentials: map[string]string{}}}
	if t.Put {
		data.Command, data.Kind = "UPLOAD", "PUT_FILES"
	}
	if t.Folder != "" {
		return data
	}
	data.Stage.LocationType, data.Stage.Location = "GCS", "stages/"
	for _, address := range t.Addresses {
		data.Addresses = append(data.Addresses, "http://"+host+address)
	}
	if t.Put {
		data.Stage.Address, data.Addresses = &data.Addresses[0], nil
	}
	return data
}
