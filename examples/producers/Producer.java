import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;

/** Puts 100 sensor records; AWS_ENDPOINT_URL_KINESIS points at a local stack. */
public class Producer {
    public static void main(String[] arguments) {
        Random random = new Random();
        String[] states = {"OK", "WARN", "FAIL"};
        List<PutRecordsRequestEntry> records = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            int sensor = random.nextInt(50);
            String text = String.format("{\"sensorId\": %d, \"currentTemperature\": %d, \"status\": \"%s\"}",
                    sensor, 10 + random.nextInt(141), states[random.nextInt(3)]);
            records.add(PutRecordsRequestEntry.builder().data(SdkBytes.fromUtf8String(text)).partitionKey("" + sensor).build());
        }
        try (KinesisClient kinesis = KinesisClient.create()) {
            while (!records.isEmpty()) {
                List<PutRecordsRequestEntry> sent = records;
                var results = kinesis.putRecords(r -> r.streamName("kdEntry").records(sent)).records();
                // An answer is per record: only those with an error code are sent again.
                records = new ArrayList<>();
                for (int i = 0; i < sent.size(); i++) {
                    if (results.get(i).errorCode() != null) {
                        records.add(sent.get(i));
                    }
                }
            }
        }
        System.out.println("100 records put");
    }
}
