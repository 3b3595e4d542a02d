import java.nio.file.*;
import java.sql.*;
import java.util.Properties;
import java.util.regex.Pattern;

/** What a user of the original has in Java: JDBC with user, password, warehouse, db and schema. */
public class Peer {
    static String text;

    static String get(String key) {
        var m = Pattern.compile("\"" + key + "\": \"([^\"]*)\"").matcher(text);
        m.find();
        return m.group(1);
    }

    public static void main(String[] args) throws Exception {
        text = Files.readString(Path.of(args[0]));
        var p = new Properties();
        p.put("user", get("user"));
        p.put("password", get("password"));
        p.put("account", get("account"));
        p.put("warehouse", get("warehouse"));
        p.put("db", get("database"));
        p.put("schema", get("schema"));
        p.put("ssl", "off");
        String table = "\"SNOWSTREAM\".\"JAVA\".\"READINGS\"";
        String host = get("snowflake").replace("http://", "");
        try (var c = DriverManager.getConnection("jdbc:snowflake://" + host + "/", p); var s = c.createStatement()) {
            s.executeUpdate("create schema if not exists \"SNOWSTREAM\".\"JAVA\"");
            s.executeUpdate("create or replace table " + table + " (sensorid int, currenttemperature int, status string)");
            int inserted = s.executeUpdate("INSERT INTO " + table + " VALUES (6, 64, 'OK')");
            try (var ps = c.prepareStatement("insert into " + table + " values (?, ?, ?)")) {
                ps.setInt(1, 7);
                ps.setInt(2, 65);
                ps.setString(3, "it's");
                inserted += ps.executeUpdate();
            }
            var r = s.executeQuery("select sensorid, status from " + table + " order by 1");
            String got = "";
            while (r.next()) got += r.getInt(1) + " " + r.getString(2) + ";";
            r = s.executeQuery("select seq4() as n, 'a rather long text ' || n from table(generator(rowcount => 100000))");
            long rows = 0, sum = 0;
            for (; r.next(); rows++) sum += r.getLong(1);
            if (rows != 100000 || sum != 4999950000L) throw new Exception(rows + " rows read, their sum is " + sum);
            r = s.executeQuery("select '2024-01-02 03:04:05.123'::timestamp_ntz, '1969-12-31 23:59:59.5'::timestamp_ntz, true");
            r.next();
            String times = r.getString(1) + ";" + r.getString(2) + ";" + r.getBoolean(3);
            if (!times.equals("2024-01-02 03:04:05.123;1969-12-31 23:59:59.500;true")) throw new Exception("read " + times);
            Path file = Files.createTempFile("peer", ".csv"), back = Files.createTempDirectory("peer");
            Files.writeString(file, "1,a\n");
            s.execute("put file://" + file + " @~/java auto_compress = false overwrite = true");
            s.execute("get @~/java/" + file.getFileName() + " file://" + back);
            if (!Files.readString(back.resolve(file.getFileName())).equals("1,a\n")) throw new Exception("another file came back");
            if (inserted != 2 || !got.equals("6 OK;7 it's;")) throw new Exception(inserted + " inserted, read " + got);
        }
        System.out.println("java ok");
    }
}
