import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.*;

/** The AWS SDK for Java v2 on its defaults: CBOR to Kinesis, and from the asynchronous client HTTP/2 by prior knowledge. */
public class Streams {
    static String settings;

    static String setting(String name) {
        Matcher m = Pattern.compile("\"" + name + "\": *\"([^\"]*)\"").matcher(settings);
        if (!m.find()) throw new IllegalStateException("no setting " + name);
        return m.group(1);
    }

    static void check(boolean ok, String what) {
        if (!ok) throw new IllegalStateException(what);
    }

    static List<PutRecordsRequestEntry> records(int n) {
        List<PutRecordsRequestEntry> all = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            String text = "{\"sensorId\": " + (8000 + i) + ", \"currentTemperature\": 20, \"status\": \"OK\"}";
            all.add(PutRecordsRequestEntry.builder().partitionKey("java-" + i).data(SdkBytes.fromUtf8String(text)).build());
        }
        return all;
    }

    static void checkRecord(software.amazon.awssdk.services.kinesis.model.Record r) {
        check(r.data().asByteArray()[0] == '{' && r.approximateArrivalTimestamp().isAfter(Instant.parse("2020-01-01T00:00:00Z"))
            && r.approximateArrivalTimestamp().isBefore(Instant.now().plusSeconds(3600)), "a record came back otherwise: " + r);
    }

    static void synchronous(String endpoint, String stream) {
        try (KinesisClient client = KinesisClient.builder().endpointOverride(URI.create(endpoint)).region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("local", "local"))).build()) {
            PutRecordsResponse put = client.putRecords(r -> r.streamName(stream).records(records(20)));
            check(put.failedRecordCount() == 0 && put.records().size() == 20, "records were refused");
            String shard = client.listShards(r -> r.streamName(stream)).shards().get(0).shardId();
            String iterator = client.getShardIterator(r -> r.streamName(stream).shardId(shard).shardIteratorType(ShardIteratorType.AT_TIMESTAMP)
                .timestamp(Instant.now().minusSeconds(3600))).shardIterator();
            GetRecordsResponse read = client.getRecords(r -> r.shardIterator(iterator));
            check(read.records().size() >= 20 && read.nextShardIterator() != null, "records were not read");
            read.records().forEach(Streams::checkRecord);
            Instant created = client.describeStreamSummary(r -> r.streamName(stream)).streamDescriptionSummary().streamCreationTimestamp();
            check(created.isAfter(Instant.parse("2020-01-01T00:00:00Z")) && created.isBefore(Instant.now().plusSeconds(60)), "created " + created);
            try {
                client.describeStreamSummary(r -> r.streamName("nobody"));
                throw new IllegalStateException("a stream that does not exist was described");
            } catch (ResourceNotFoundException e) {
                check(e.getMessage().contains("nobody"), "refused with " + e);
            }
        }
    }

    static void asynchronous(String endpoint, String stream, String name) throws Exception {
        try (KinesisAsyncClient client = KinesisAsyncClient.builder().endpointOverride(URI.create(endpoint)).region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("local", "local"))).build()) {
            check(client.putRecords(r -> r.streamName(stream).records(records(20))).get(1, TimeUnit.MINUTES).failedRecordCount() == 0, "records were refused");
            String arn = client.describeStreamSummary(r -> r.streamName(stream)).get(1, TimeUnit.MINUTES).streamDescriptionSummary().streamARN();
            String shard = client.listShards(r -> r.streamName(stream)).get(1, TimeUnit.MINUTES).shards().get(0).shardId();
            String consumer = client.registerStreamConsumer(r -> r.streamARN(arn).consumerName(name)).get(1, TimeUnit.MINUTES).consumer().consumerARN();
            AtomicInteger pushed = new AtomicInteger();
            CompletableFuture<Void> enough = new CompletableFuture<>();
            CompletableFuture<Void> subscription = client.subscribeToShard(
                r -> r.consumerARN(consumer).shardId(shard).startingPosition(p -> p.type(ShardIteratorType.TRIM_HORIZON)),
                SubscribeToShardResponseHandler.builder().onError(enough::completeExceptionally).subscriber(event -> {
                    if (event instanceof SubscribeToShardEvent e) {
                        e.records().forEach(Streams::checkRecord);
                        if (pushed.addAndGet(e.records().size()) >= 40) enough.complete(null);
                    }
                }).build());
            enough.get(1, TimeUnit.MINUTES);
            subscription.cancel(true);
            client.deregisterStreamConsumer(r -> r.consumerARN(consumer)).get(1, TimeUnit.MINUTES);
        }
    }

    /** Has this program trust the stack's certificate authority, as keytool -importcert would. */
    static void trust(Path ca) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream in = Files.newInputStream(ca)) {
            store.setCertificateEntry("local", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        Path file = Files.createTempFile("trust", ".p12");
        file.toFile().deleteOnExit();
        try (OutputStream out = Files.newOutputStream(file)) {
            store.store(out, "changeit".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    }

    public static void main(String[] args) throws Exception {
        settings = Files.readString(Path.of(args[0]), StandardCharsets.UTF_8);
        trust(Path.of(setting("ca_file")));
        String stream = setting("stream");
        synchronous(setting("kinesis"), stream);
        asynchronous(setting("kinesis"), stream, "java");
        synchronous(setting("kinesis_https"), stream);
        asynchronous(setting("kinesis_https"), stream, "java-tls");
        System.out.println("streams ok");
    }
}
