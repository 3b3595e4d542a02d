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
            if (inserted != 2 || !got.equals("6 OK;7 it's;")) throw new Exception(inserted + " inserted, read " + got);
        }
        System.out.println("java ok");
    }
}
